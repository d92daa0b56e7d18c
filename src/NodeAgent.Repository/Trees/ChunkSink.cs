using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>Stores a chunk, unless the repository has it, and returns its id. Does not keep the plaintext after it completes.</summary>
public delegate ValueTask<ChunkId> ChunkSink(ChunkKind kind, ReadOnlyMemory<byte> plaintext, CancellationToken cancellationToken);
