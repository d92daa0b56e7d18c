using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A snapshot is the chunks that it uses.</summary>
internal sealed record SimulatedSnapshot(IReadOnlyList<ChunkId> Chunks);
