namespace NodeAgent.Repository.Usage;

/// <summary>Which chunks are used by whom.</summary>
/// <param name="Groups">Each group for itself.</param>
/// <param name="Chunks">Distinct chunks that any of them uses.</param>
/// <param name="ContentBytes">Plaintext of the data chunks among these.</param>
/// <param name="StoredBytes">What the chunks take.</param>
/// <param name="UnusedChunks">Chunks of the index that none of them uses.</param>
/// <param name="UnusedBytes">What these take.</param>
/// <param name="Problems">Parts of trees that could not be read, so that what is below them is not counted.</param>
public sealed record UsageReport(
    IReadOnlyList<GroupUsage> Groups, long Chunks, long ContentBytes, long StoredBytes, long UnusedChunks, long UnusedBytes, IReadOnlyList<string> Problems);
