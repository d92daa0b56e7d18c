namespace NodeAgent.Repository.Snapshots;

/// <summary>The chunker's parameters, for people and for comparison.</summary>
/// <param name="Kind">The algorithm.</param>
/// <param name="Min">Smallest chunk in bytes.</param>
/// <param name="Average">Average chunk in bytes.</param>
/// <param name="Max">Largest chunk in bytes.</param>
/// <param name="Normalization">Level of normalisation.</param>
public sealed record SnapshotChunker(string Kind, int Min, int Average, int Max, int Normalization);
