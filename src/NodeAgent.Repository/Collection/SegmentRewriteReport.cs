namespace NodeAgent.Repository.Collection;

/// <summary>What became of index segments.</summary>
/// <param name="Replaced">Segments that others replace now.</param>
/// <param name="Written">Segments that replace them.</param>
/// <param name="DroppedPacks">Packs that were named and are named no more.</param>
public sealed record SegmentRewriteReport(int Replaced, int Written, int DroppedPacks);
