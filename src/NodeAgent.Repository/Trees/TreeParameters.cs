namespace NodeAgent.Repository.Trees;

/// <summary>How directories are stored. Part of a repository's config: equal directories are stored equally only under equal parameters.</summary>
/// <param name="MinPage">Bytes from which a page may be cut.</param>
/// <param name="MaxPage">Bytes that a page does not exceed, unless it holds a single entry.</param>
/// <param name="CutBits">Top bits of the name's hash that are zero where a page is cut: one entry in 2^bits.</param>
/// <param name="InlineDirectoryLimit">Bytes up to which a directory is held in the entry that carries it.</param>
public sealed record TreeParameters(int MinPage, int MaxPage, int CutBits, int InlineDirectoryLimit)
{
    /// <summary>16 KiB to 256 KiB, one entry in 512, 2 KiB inline.</summary>
    public static TreeParameters Default { get; } = new(16 << 10, 256 << 10, 9, 2 << 10);

    /// <summary>Returns everything that is wrong, one sentence each; empty when the parameters can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (MinPage < 64)
            errors.Add($"minimum page size {MinPage} is below 64 bytes");
        if (MaxPage < MinPage || MaxPage > TreeLimits.MaxEntryLength)
            errors.Add($"maximum page size {MaxPage} is outside {MinPage} to {TreeLimits.MaxEntryLength}");
        if (CutBits is < 0 or > 32)
            errors.Add($"page cut bits {CutBits} are outside 0 to 32");
        if (InlineDirectoryLimit < 0 || InlineDirectoryLimit > Math.Min(MinPage, TreeLimits.MaxInlineDirectory))
            errors.Add($"inline directory limit {InlineDirectoryLimit} is outside 0 to {Math.Min(MinPage, TreeLimits.MaxInlineDirectory)}, the minimum page size or 64 KiB");
        return errors;
    }
}
