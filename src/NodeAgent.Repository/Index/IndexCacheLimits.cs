namespace NodeAgent.Repository.Index;

/// <summary>How much of an index is held in memory before it goes to a file.</summary>
/// <param name="Least">Locations below which no base is made: reading them each time takes milliseconds.</param>
/// <param name="Most">Locations above which one is always made: some 50 MB.</param>
internal sealed record IndexCacheLimits(long Least, long Most)
{
    public static IndexCacheLimits Default { get; } = new(64 << 10, 1 << 20);

    /// <summary>Locations that may be in memory beside a base of so many. A base is written anew for a quarter of it at least, so that what is written stays in proportion.</summary>
    public long Beside(long baseEntries) => Math.Clamp(baseEntries / 4, Least, Most);
}
