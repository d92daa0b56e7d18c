namespace NodeAgent.Repository;

/// <summary>What a repository's index says it holds.</summary>
/// <param name="Packs">Packs.</param>
/// <param name="Chunks">Distinct chunks.</param>
/// <param name="PlainBytes">Their plaintext: everything that was ever stored, each byte once.</param>
/// <param name="StoredBytes">What they take, compressed and encrypted.</param>
public readonly record struct RepositoryStatistics(long Packs, long Chunks, long PlainBytes, long StoredBytes);
