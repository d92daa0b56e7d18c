namespace NodeAgent.Repository.Collection;

/// <summary>How index segments are merged.</summary>
internal sealed record SegmentRewriteOptions
{
    public static SegmentRewriteOptions Default { get; } = new();

    /// <summary>Small segments are merged when there are more than so many.</summary>
    public int Most { get; init; } = 64;

    /// <summary>Plain bytes of a merged segment, about: whoever reads it holds it decoded, some three times as much. One of less than half of it is small.</summary>
    public int TargetLength { get; init; } = 16 << 20;
}
