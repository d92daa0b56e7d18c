using System.Numerics;

namespace NodeAgent.Repository.Chunking;

/// <summary>Sizes in bytes of content-defined chunks. Part of a repository's config: a change ends deduplication against older data.</summary>
/// <param name="MinSize">No chunk but the last of a stream is shorter.</param>
/// <param name="AverageSize">A power of two; where the cut condition turns from hard to easy.</param>
/// <param name="MaxSize">No chunk is longer.</param>
/// <param name="Normalization">By how many bits the condition is harder before, and easier after, the average size.</param>
public sealed record ChunkerParameters(int MinSize, int AverageSize, int MaxSize, int Normalization = 2)
{
    /// <summary>The largest permitted <see cref="MaxSize"/>: bounds the buffer that a hostile config can ask for.</summary>
    public const int LargestMaxSize = 64 << 20;

    /// <summary>512 KiB, 1 MiB and 4 MiB at normalisation 2: for file data.</summary>
    public static ChunkerParameters Default { get; } = new(512 << 10, 1 << 20, 4 << 20);

    /// <summary>Bits of the mask that applies before the average size.</summary>
    internal int HardBits => BitOperations.Log2((uint)AverageSize) + Normalization;

    /// <summary>Bits of the mask that applies from the average size on.</summary>
    internal int EasyBits => BitOperations.Log2((uint)AverageSize) - Normalization;

    /// <summary>Returns everything that is wrong, one sentence each; empty when the parameters can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (MinSize < FastCdc.WindowSize)
            errors.Add($"chunker minimum size {MinSize} is below the hash window of {FastCdc.WindowSize} bytes");
        if (AverageSize <= MinSize)
            errors.Add($"chunker average size {AverageSize} must exceed the minimum size {MinSize}");
        if (!BitOperations.IsPow2(AverageSize))
            errors.Add($"chunker average size {AverageSize} must be a power of two");
        if (MaxSize <= AverageSize)
            errors.Add($"chunker maximum size {MaxSize} must exceed the average size {AverageSize}");
        if (MaxSize > LargestMaxSize)
            errors.Add($"chunker maximum size {MaxSize} exceeds {LargestMaxSize}");
        if (Normalization is < 0 or > 4)
            errors.Add($"chunker normalisation {Normalization} is outside 0 to 4");
        return errors;
    }
}
