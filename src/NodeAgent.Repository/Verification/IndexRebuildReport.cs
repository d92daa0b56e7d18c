using NodeAgent.Repository.Collection;

namespace NodeAgent.Repository.Verification;

/// <summary>What a rebuild of the index found and did.</summary>
/// <param name="Segments">Index segments that were sound and stay.</param>
/// <param name="RemovedSegments">Damaged segments that were removed, because all that the packs still have is named again.</param>
/// <param name="AddedPacks">Packs that no sound segment named and that are found again now.</param>
/// <param name="AddedChunks">Chunks in them.</param>
/// <param name="Unreadable">Packs whose footer cannot be read, each with the reason; what they hold is found only if a sound segment names it.</param>
public sealed record IndexRebuildReport(int Segments, IReadOnlyList<string> RemovedSegments, int AddedPacks, long AddedChunks, IReadOnlyList<CheckProblem> Unreadable)
{
    /// <summary>Packs that segments named and that are not in the store: the index does not name them any more.</summary>
    public IReadOnlyList<string> GonePacks { get; init; } = [];

    /// <summary>What was done about many small segments.</summary>
    public SegmentRewriteReport Merged { get; init; } = new(0, 0, 0);
}
