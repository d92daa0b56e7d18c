namespace NodeAgent.Repository;

/// <summary>How small files are put together into chunks.</summary>
/// <param name="FileLimit">Bytes up to which a file goes into a bundle.</param>
/// <param name="MinSize">Bytes from which a bundle may be cut.</param>
/// <param name="MaxSize">Bytes that a bundle does not exceed.</param>
/// <param name="CutBits">Low bits of a file's id that are zero where a bundle is cut.</param>
public sealed record BundleParameters(int FileLimit, int MinSize, int MaxSize, int CutBits)
{
    /// <summary>16 KiB files; 128 KiB to 1 MiB; one file in 16.</summary>
    public static BundleParameters Default { get; } = new(16 << 10, 128 << 10, 1 << 20, 4);

    /// <summary>Everything that is wrong, one sentence each.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (FileLimit < 0 || FileLimit > MaxSize) errors.Add($"bundle file limit {FileLimit} is outside 0 to the maximum bundle size {MaxSize}");
        if (MinSize < 1 || MinSize > MaxSize) errors.Add($"minimum bundle size {MinSize} is outside 1 to {MaxSize}");
        if (CutBits is < 0 or > 16) errors.Add($"bundle cut bits {CutBits} are outside 0 to 16");
        return errors;
    }
}
