using NodeAgent.Repository;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>What brings a snapshot's entries out of the repository, and what is in them. Owned by the run.</summary>
/// <param name="Reader">Chunks.</param>
/// <param name="Tree">Directories' entries.</param>
/// <param name="Ahead">Small files' contents, read before they are wanted.</param>
/// <param name="Contents">Any file's content, into the file.</param>
internal sealed record RestoreSource(ChunkReader Reader, TreeReader Tree, ReadAhead Ahead, ContentWriter Contents);
