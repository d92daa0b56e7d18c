namespace NodeAgent.Repository.Index;

/// <summary>
/// How one binary fuse filter is laid out: an array of one byte fingerprints in segments of equal length, where each key has a place in
/// each of three neighbouring segments. A segment length of 0 stands for a filter that was not built and lets everything pass.
/// </summary>
/// <param name="Seed">Mixed into every key.</param>
/// <param name="SegmentLength">A power of two.</param>
/// <param name="SegmentCount">Segments in which a key's first place may be; two more follow.</param>
internal readonly record struct FuseShape(ulong Seed, int SegmentLength, int SegmentCount)
{
    /// <summary>Bytes of the array.</summary>
    public int Length => SegmentLength == 0 ? 0 : (SegmentCount + 2) * SegmentLength;

    /// <summary>The shape for so many keys.</summary>
    /// <remarks>
    /// Formulas of Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022): segments grow with the logarithm of the
    /// number of keys, and few keys need more room for each until the array can be filled.
    /// </remarks>
    public static FuseShape For(int keys, ulong seed)
    {
        if (keys < 2) return new FuseShape(seed, 4, 1);
        var segment = 1 << Math.Min(18, (int)Math.Floor((Math.Log(keys) / Math.Log(3.33)) + 2.25));
        var factor = Math.Max(1.125, 0.875 + (0.25 * Math.Log(1_000_000) / Math.Log(keys)));
        var count = (int)Math.Ceiling(keys * factor / segment) - 2;
        return new FuseShape(seed, segment, Math.Max(1, count));
    }

    /// <summary>Where a key's fingerprint is spread.</summary>
    public FuseProbe Probe(ulong key)
    {
        var hash = Mix(key + Seed);
        var first = (int)Math.BigMul(hash, (ulong)SegmentCount * (ulong)SegmentLength, out _);
        var mask = SegmentLength - 1;
        var second = (first + SegmentLength) ^ ((int)(hash >> 18) & mask);
        var third = (first + (2 * SegmentLength)) ^ ((int)hash & mask);
        return new FuseProbe(first, second, third, (byte)(hash ^ (hash >> 32)));
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
        value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
        return value ^ (value >> 33);
    }
}
