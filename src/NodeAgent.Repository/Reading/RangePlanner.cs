using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// Puts chunks together that lie near one another in a pack: on a remote store a request takes as long as a megabyte does, so that what
/// lies between two chunks is better read along than left out.
/// </summary>
internal static class RangePlanner
{
    /// <summary>Bytes between two chunks that are read along.</summary>
    public const int MaxHole = 1 << 20;

    /// <summary>How many times the bytes of the chunks are read for them at most.</summary>
    public const int MaxWaste = 4;

    /// <summary>Bytes of one read: long enough that its latency does not count, short enough that several fit the memory.</summary>
    public const int MaxLength = 8 << 20;

    /// <summary>
    /// The reads, in the order of packs and of the places in them. Every chunk is in one of them, once. Chunks that are scattered over
    /// packs are not paid for with many times their bytes: then smaller holes are left out, too.
    /// </summary>
    public static List<PackRange> Plan(IReadOnlyCollection<(ChunkId Id, ChunkLocation Location)> chunks)
    {
        var distinct = chunks.DistinctBy(chunk => (chunk.Id, chunk.Location.Kind)).ToList();
        var wanted = distinct.Sum(chunk => (long)chunk.Location.StoredLength);
        var ranges = Plan(distinct, MaxHole);
        for (var hole = MaxHole / 8; hole > 0 && ranges.Sum(range => (long)range.Length) > (MaxWaste * wanted) + MaxHole; hole /= 8) ranges = Plan(distinct, hole);
        return ranges;
    }

    private static List<PackRange> Plan(List<(ChunkId Id, ChunkLocation Location)> chunks, int maxHole)
    {
        var ranges = new List<PackRange>();
        List<(ChunkId Id, ChunkLocation Location)>? open = null;
        var (start, end) = (0L, 0L);
        var sorted = chunks.OrderBy(chunk => chunk.Location.Pack.Key, StringComparer.Ordinal).ThenBy(chunk => chunk.Location.Offset);
        foreach (var chunk in sorted)
        {
            var (_, location) = chunk;
            var chunkEnd = location.Offset + location.StoredLength;
            if (open is not null && open[0].Location.Pack == location.Pack && location.Offset - end <= maxHole && Math.Max(end, chunkEnd) - start <= MaxLength)
            {
                open.Add(chunk);
                end = Math.Max(end, chunkEnd);
                continue;
            }

            Close();
            open = [chunk];
            (start, end) = (location.Offset, chunkEnd);
        }

        Close();
        return ranges;

        void Close()
        {
            if (open is not null) ranges.Add(new PackRange(open[0].Location.Pack, start, (int)(end - start), open));
        }
    }
}
