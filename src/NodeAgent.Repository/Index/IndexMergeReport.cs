namespace NodeAgent.Repository.Index;

/// <summary>What a merge of index segments did.</summary>
/// <param name="Replaced">Segments that others replace now.</param>
/// <param name="Written">Segments that replace them.</param>
/// <param name="DroppedPacks">Packs that were named and are named no more.</param>
public sealed record IndexMergeReport(int Replaced, int Written, int DroppedPacks);
