namespace NodeAgent.Repository.Index;

/// <summary>
/// A binary fuse filter: every key that was put in is found, one in 256 of the others is found too. About 9 bits a key. A hit
/// never counts as "there is such a chunk"; a miss does as "there is none".
/// </summary>
internal static class FuseFilter
{
    private const int Attempts = 64;

    /// <summary>Whether the key may have been put in.</summary>
    public static bool MayContain(in FuseShape shape, ReadOnlySpan<byte> fingerprints, ulong key)
    {
        if (shape.SegmentLength == 0) return true;
        var probe = shape.Probe(key);
        return (fingerprints[probe.First] ^ fingerprints[probe.Second] ^ fingerprints[probe.Third]) == probe.Fingerprint;
    }

    /// <summary>Builds a filter. Keys that are equal cost an attempt and are then counted once.</summary>
    /// <param name="keys">In any order; may be changed.</param>
    /// <param name="seed">The first seed to try.</param>
    /// <param name="fingerprints">The array; empty when no seed would do, and then the shape lets everything pass.</param>
    public static FuseShape Build(ulong[] keys, ulong seed, out byte[] fingerprints)
    {
        var count = keys.Length;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (attempt == 1) count = RemoveDuplicates(keys);
            var shape = FuseShape.For(count, seed);
            if (TryPeel(shape, keys.AsSpan(0, count)) is { } order)
            {
                fingerprints = Assign(shape, order);
                return shape;
            }

            seed += 0x9e3779b97f4a7c15;
        }

        fingerprints = [];
        return default;
    }

    /// <summary>
    /// Puts the keys into an order in which each has a place that no earlier one has: repeatedly takes a key that is alone in one of its
    /// places. Null when some are left that never are alone, which another seed mends.
    /// </summary>
    private static List<(ulong Key, int Place)>? TryPeel(in FuseShape shape, ReadOnlySpan<ulong> keys)
    {
        // For each place how many keys have it, and all of them combined: the key itself where it is alone.
        var counts = new int[shape.Length];
        var combined = new ulong[shape.Length];
        foreach (var key in keys)
        {
            var probe = shape.Probe(key);
            counts[probe.First]++;
            counts[probe.Second]++;
            counts[probe.Third]++;
            combined[probe.First] ^= key;
            combined[probe.Second] ^= key;
            combined[probe.Third] ^= key;
        }

        var order = new List<(ulong Key, int Place)>(keys.Length);
        var alone = new Stack<int>();
        for (var place = 0; place < counts.Length; place++)
        {
            if (counts[place] == 1) alone.Push(place);
        }

        while (alone.TryPop(out var place))
        {
            if (counts[place] != 1) continue;
            var key = combined[place];
            order.Add((key, place));
            var probe = shape.Probe(key);
            Take(probe.First);
            Take(probe.Second);
            Take(probe.Third);

            void Take(int at)
            {
                combined[at] ^= key;
                if (--counts[at] == 1) alone.Push(at);
            }
        }

        return order.Count == keys.Length ? order : null;
    }

    // Backwards, so that a key's own place is set after the other two have got their last value.
    private static byte[] Assign(in FuseShape shape, List<(ulong Key, int Place)> order)
    {
        var fingerprints = new byte[shape.Length];
        for (var i = order.Count - 1; i >= 0; i--)
        {
            var (key, place) = order[i];
            var probe = shape.Probe(key);
            fingerprints[place] = (byte)(probe.Fingerprint ^ fingerprints[probe.First] ^ fingerprints[probe.Second] ^ fingerprints[probe.Third]);
        }

        return fingerprints;
    }

    private static int RemoveDuplicates(ulong[] keys)
    {
        Array.Sort(keys);
        var kept = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            if (i == 0 || keys[i] != keys[i - 1]) keys[kept++] = keys[i];
        }

        return kept;
    }
}
