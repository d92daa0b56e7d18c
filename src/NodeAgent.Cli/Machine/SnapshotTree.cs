using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>One snapshot, with what is needed to walk it and to read its files.</summary>
internal sealed class SnapshotTree(Snapshot snapshot, ChunkSource chunks, TreeParameters parameters)
{
    private const int ShortId = 12;

    public SnapshotId Id => snapshot.Id;

    public SnapshotManifest Manifest => snapshot.Manifest;

    /// <summary>The directory that was backed up.</summary>
    public TreeEntry Root { get; } = snapshot.Manifest.ReadRoot();

    public ChunkSource Chunks { get; } = chunks;

    public TreeReader Entries { get; } = new(chunks, parameters);

    /// <summary>The entry at a path; the root for an empty one.</summary>
    /// <exception cref="CommandException">It is not there (NotFound).</exception>
    public async Task<TreeEntry> FindAsync(byte[] path, CancellationToken cancellationToken)
    {
        var id = snapshot.Id.ToString()[..ShortId];
        return await Entries.FindPathAsync(Root, path, cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"snapshot {id}: {DisplayText.Name(path)} is not in it (see: nodeagent snapshot ls {id})");
    }
}
