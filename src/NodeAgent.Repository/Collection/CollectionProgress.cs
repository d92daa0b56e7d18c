namespace NodeAgent.Repository.Collection;

/// <summary>How far a collection is.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Done">Of <paramref name="Total"/>: index segments, snapshots, packs; seconds of a wait.</param>
/// <param name="Total">How many there are; 0 when that is not known.</param>
public sealed record CollectionProgress(CollectionStage Stage, long Done, long Total)
{
    /// <summary>Bytes that were copied, or that deletes have freed.</summary>
    public long Bytes { get; init; }

    /// <summary>How many there are; 0 where bytes are not counted.</summary>
    public long TotalBytes { get; init; }

    /// <summary>Sessions that it waits for.</summary>
    public IReadOnlyList<string> WaitsFor { get; init; } = [];
}
