namespace NodeAgent.Repository.Collection;

/// <summary>How far a collection is.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Done">Of <paramref name="Total"/>: snapshots, packs; seconds of a wait.</param>
/// <param name="Total">How many there are; 0 when that is not known.</param>
/// <param name="WaitsFor">Sessions that it waits for.</param>
public sealed record CollectionProgress(CollectionStage Stage, long Done, long Total, IReadOnlyList<string> WaitsFor);
