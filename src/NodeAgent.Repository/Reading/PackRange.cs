using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Reading;

/// <summary>A part of a pack that is read at once.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">Its bytes, those between the chunks among them.</param>
/// <param name="Chunks">The chunks in it that are wanted.</param>
internal sealed record PackRange(PackId Pack, long Offset, int Length, IReadOnlyList<(ChunkId Id, ChunkLocation Location)> Chunks);
