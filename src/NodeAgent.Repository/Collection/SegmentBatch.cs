using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What goes into one new segment: whole segments only, so that it replaces them by itself.</summary>
internal sealed class SegmentBatch
{
    private readonly List<PackContents> _packs = [];
    private readonly HashSet<PackId> _known = [];
    private readonly HashSet<ChunkId> _sessions = [];
    private readonly HashSet<ChunkId> _superseded = [];
    private long _length;

    /// <summary>Hashes in the names of the segments that were taken.</summary>
    public List<ChunkId> Replaced { get; } = [];

    public int DroppedPacks { get; private set; }

    public bool HasRoomFor(IndexSegment segment, int target) =>
        Replaced.Count == 0 || (_length + segment.PlainLength <= target && _sessions.Count + SessionsOf(segment.Packs).Count <= IndexSegment.MaxSessions);

    /// <summary>Takes a segment.</summary>
    /// <param name="hash">In its name.</param>
    /// <param name="segment">Its content.</param>
    /// <param name="listed">Hashes of all segments that are there: those that this one replaces are replaced by the new one too.</param>
    /// <param name="without">Packs to leave out.</param>
    public void Add(ChunkId hash, IndexSegment segment, HashSet<ChunkId> listed, IReadOnlySet<PackId> without)
    {
        Replaced.Add(hash);
        _superseded.Add(hash);
        _superseded.UnionWith(segment.Superseded.Where(listed.Contains));
        _length += segment.PlainLength;
        foreach (var pack in segment.Packs)
        {
            if (!_known.Add(pack.Pack)) continue;
            if (without.Contains(pack.Pack)) DroppedPacks++;
            else _packs.Add(pack);
        }

        _sessions.UnionWith(SessionsOf(segment.Packs));
    }

    public IndexSegment ToSegment() => new(_packs, [.. _superseded]);

    private static HashSet<ChunkId> SessionsOf(IReadOnlyList<PackContents> packs)
    {
        var sessions = new HashSet<ChunkId>();
        ReadOnlyMemory<byte> last = default;
        foreach (var chunk in packs.SelectMany(p => p.Chunks))
        {
            if (chunk.Session.Salt.Equals(last)) continue;
            last = chunk.Session.Salt;
            sessions.Add(new ChunkId(last.Span));
        }

        return sessions;
    }
}
