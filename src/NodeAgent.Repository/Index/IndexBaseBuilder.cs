using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Makes a base file, in bounded memory whatever the number of chunks: 1/256 of the new entries at a time, 16 bytes a pack, and the buckets.
/// 1. The segments are added; lengths go straight to the file, entries to partitions.
/// 2. What still counts of the base before it is taken over.
/// 3. Packs that were named twice are found; the later naming does not count.
/// 4. The entries of both are merged, partition by partition, in the order of ids.
/// 5. Buckets, filters, checksums, and last the header: until then the file is none.
/// </summary>
internal sealed class IndexBaseBuilder : IDisposable
{
    public const int FilterEntryLength = 24;
    public const int PackOrderLength = 12;
    private const int ChunksPerBucket = 24;
    private const int ChunksPerFilter = 1 << 20;
    private const int MaxFilterBits = 8;
    private const int Gone = -1;

    private readonly SafeFileHandle _file;
    private readonly byte[] _key;
    private readonly byte[] _repositoryId;
    private readonly BlockWriter _writer;
    private readonly PartitionedSpill _entries;
    private readonly TemporaryFile _rows;
    private readonly TemporaryFile _filters;
    private readonly Dictionary<SessionIdentityKey, int> _sessionOrdinals = [];
    private readonly List<SessionIdentity> _sessions = [];
    private readonly List<BaseSegment> _segments = [];
    private readonly List<(ulong Hash, int Row)> _packs = [];
    private readonly byte[] _small = new byte[BaseRow.MaxCount * BaseLocation.Length];
    private int _rowCount;
    private long _locationCount;

    /// <param name="file">Empty; stays the caller's.</param>
    /// <param name="directory">Where temporary files are kept meanwhile.</param>
    /// <param name="key">Under which checksums are made.</param>
    /// <param name="repositoryId">Goes into the header.</param>
    public IndexBaseBuilder(SafeFileHandle file, string directory, byte[] key, byte[] repositoryId)
    {
        _file = file;
        _key = key;
        _repositoryId = repositoryId;
        _writer = new BlockWriter(file, key);
        _entries = new PartitionedSpill(directory);
        _rows = new TemporaryFile(directory);
        _filters = new TemporaryFile(directory);
    }

    /// <summary>Adds a segment.</summary>
    /// <param name="key">Its name.</param>
    /// <param name="packs">What it names.</param>
    public void Add(string key, IEnumerable<PackContents> packs)
    {
        var segment = AddSegment(BaseSegment.Of(key, default));
        foreach (var pack in packs) Add(pack, segment);
    }

    /// <summary>Notes a segment that need not be read, because one that is covered replaces it.</summary>
    public void AddSuperseded(string key, ChunkId replacedBy) => AddSegment(BaseSegment.Of(key, replacedBy));

    /// <summary>Completes the file. Nothing more may be added.</summary>
    /// <param name="old">The base before, or null.</param>
    /// <param name="keeps">Whether a segment that the old base covers still counts.</param>
    public void Complete(IndexBase? old, Func<BaseSegment, bool> keeps)
    {
        var kept = TakeOver(old, keeps);
        var locations = new FileRegion(IndexBaseHeader.Length, _locationCount * BaseLocation.Length);
        var repeated = RemoveRepeated();
        var rows = WriteRows(repeated);
        var order = Write(_packs.Count, PackOrderLength, (i, entry) =>
        {
            BinaryPrimitives.WriteUInt64LittleEndian(entry, _packs[i].Hash);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], _packs[i].Row);
        });
        var sessions = Write(_sessions.Count, SessionTable.EntryLength, (i, entry) => SessionTable.Write(_sessions[i], entry));
        var segments = Write(_segments.Count, BaseSegment.Length, (i, entry) => _segments[i].Write(entry));

        var estimate = _entries.Count + (old?.EntryCount ?? 0);
        if (estimate > uint.MaxValue) throw new IOException($"a base of {estimate} locations is more than its table can number");
        var bucketBits = Math.Max(16, (int)Math.Ceiling(Math.Log2(Math.Max(1, estimate / ChunksPerBucket))));
        var buckets = new uint[(1 << bucketBits) + 1];
        var filterBits = Math.Clamp((int)Math.Ceiling(Math.Log2(Math.Max(1, (double)estimate / ChunksPerFilter))), 0, MaxFilterBits);
        var start = _writer.Position;
        var shapes = new List<(FuseShape Shape, long Offset)>();
        var (entries, chunks) = WriteEntries(old, kept, repeated, buckets, bucketBits, filterBits, shapes);
        var table = new FileRegion(start, _writer.Position - start);

        // Buckets hold counts so far; what is read is where each begins.
        for (var i = 1; i < buckets.Length; i++) buckets[i] += buckets[i - 1];
        var bucketRegion = Write(buckets.Length, 4, (i, entry) => BinaryPrimitives.WriteUInt32LittleEndian(entry, buckets[i]));
        var filters = WriteFilters(shapes);
        var body = _writer.Position;
        var checksums = _writer.Complete();
        var hash = new byte[Blake3.HashLength];
        Blake3.KeyedHash(_key, checksums, hash);
        var header = new IndexBaseHeader
        {
            RepositoryId = _repositoryId,
            FileLength = body + checksums.Length,
            Chunks = chunks,
            Entries = entries,
            Rows = _rowCount,
            Packs = _packs.Count,
            BucketBits = bucketBits,
            FilterBits = filterBits,
            HasRepeatedPacks = repeated.Count > 0,
            Locations = locations,
            RowTable = rows,
            PackOrder = order,
            Sessions = sessions,
            Segments = segments,
            EntryTable = table,
            Buckets = bucketRegion,
            Filters = filters,
            Checksums = new FileRegion(body, checksums.Length),
            ChecksumHash = hash,
        };
        RandomAccess.Write(_file, header.Encode(_key), 0);
    }

    public void Dispose()
    {
        _entries.Dispose();
        _rows.Dispose();
        _filters.Dispose();
    }

    private int AddSegment(BaseSegment segment)
    {
        if (_segments.Count >= 1 << 24) throw new IOException($"a base of more than {_segments.Count} segments cannot be made");
        _segments.Add(segment);
        return _segments.Count - 1;
    }

    private void Add(PackContents pack, int segment)
    {
        var chunks = pack.Chunks;
        var offset = (uint)ObjectHeader.Length;
        // A pack without chunks has a row all the same: it is known.
        for (var from = 0; from < Math.Max(1, chunks.Count);)
        {
            var session = chunks.Count == 0 ? 0 : OrdinalOf(chunks[from].Session);
            var to = from;
            var start = offset;
            while (to < chunks.Count && to - from < BaseRow.MaxCount && (chunks[to].Session == chunks[from].Session || OrdinalOf(chunks[to].Session) == session))
            {
                var chunk = chunks[to];
                new BaseLocation(chunk.StoredLength, chunk.PlainLength, chunk.Kind).Write(_small.AsSpan((to - from) * BaseLocation.Length));
                _entries.Add(new BaseEntry(ChunkPrefix.Of(chunk.Id), _rowCount, (ushort)(to - from)));
                offset += (uint)chunk.StoredLength;
                to++;
            }

            AppendRow(new BaseRow(pack.Pack, (uint)pack.Size, start, session, to - from, 0, segment, Continues: from > 0, IsRepeated: false), _small.AsSpan(0, (to - from) * BaseLocation.Length));
            from = Math.Max(to, from + 1);
        }
    }

    private void AppendRow(BaseRow row, ReadOnlySpan<byte> locations)
    {
        if (!row.Continues)
        {
            Span<byte> hash = stackalloc byte[ChunkId.Length];
            row.Pack.Hash.CopyTo(hash);
            _packs.Add((BinaryPrimitives.ReadUInt64BigEndian(hash), _rowCount));
        }

        Span<byte> written = stackalloc byte[BaseRow.Length];
        (row with { FirstLocation = _locationCount }).Write(written);
        _rows.Append(written);
        _writer.Write(locations);
        _locationCount += row.Count;
        _rowCount = checked(_rowCount + 1);
    }

    /// <summary>Takes over the rows of the old base that still count. Gives for each old row its new number, or -1.</summary>
    private int[] TakeOver(IndexBase? old, Func<BaseSegment, bool> keeps)
    {
        if (old is null) return [];
        var segments = old.Segments.Select(s => !s.IsSuperseded && keeps(s) ? AddSegment(s) : Gone).ToArray();
        var sessions = new Dictionary<int, int>();
        var kept = new int[old.RowCount];
        for (var i = 0; i < kept.Length; i++)
        {
            var row = old.RowAt(i);
            kept[i] = Gone;
            if (row.IsRepeated || segments[row.Segment] == Gone) continue;
            var session = 0;
            if (row.Count > 0 && !sessions.TryGetValue(row.Session, out session)) sessions.Add(row.Session, session = OrdinalOf(old.SessionAt(row.Session)));
            var locations = _small.AsSpan(0, row.Count * BaseLocation.Length);
            old.ReadLocations(row, locations);
            kept[i] = _rowCount;
            AppendRow(row with { Segment = segments[row.Segment], Session = session }, locations);
        }

        return kept;
    }

    /// <summary>Sorts the packs by hash and finds the rows of those that were named before.</summary>
    private HashSet<int> RemoveRepeated()
    {
        _packs.Sort();
        var repeated = new HashSet<int>();
        var unique = 0;
        for (var i = 0; i < _packs.Count; i++)
        {
            var isRepeated = false;
            for (var j = unique - 1; j >= 0 && _packs[j].Hash == _packs[i].Hash && !isRepeated; j--)
                isRepeated = RowAt(_packs[j].Row).Pack == RowAt(_packs[i].Row).Pack;
            if (!isRepeated)
            {
                _packs[unique++] = _packs[i];
                continue;
            }

            var row = _packs[i].Row;
            do repeated.Add(row++);
            while (row < _rowCount && RowAt(row).Continues);
        }

        _packs.RemoveRange(unique, _packs.Count - unique);
        return repeated;
    }

    private BaseRow RowAt(int row)
    {
        Span<byte> content = stackalloc byte[BaseRow.Length];
        _rows.Read((long)row * BaseRow.Length, content);
        return BaseRow.Read(content);
    }

    private FileRegion WriteRows(HashSet<int> repeated)
    {
        var start = _writer.Position;
        var rows = new byte[1024 * BaseRow.Length];
        for (var from = 0; from < _rowCount; from += 1024)
        {
            var some = rows.AsSpan(0, Math.Min(1024, _rowCount - from) * BaseRow.Length);
            _rows.Read((long)from * BaseRow.Length, some);
            for (var i = 0; repeated.Count > 0 && i < some.Length; i += BaseRow.Length)
            {
                if (repeated.Contains(from + (i / BaseRow.Length))) (BaseRow.Read(some[i..]) with { IsRepeated = true }).Write(some[i..]);
            }

            _writer.Write(some);
        }

        return new FileRegion(start, _writer.Position - start);
    }

    private (long Entries, long Chunks) WriteEntries(
        IndexBase? old, int[] kept, HashSet<int> repeated, uint[] buckets, int bucketBits, int filterBits, List<(FuseShape Shape, long Offset)> shapes)
    {
        long entries = 0, chunks = 0;
        var keys = new List<ulong>();
        var group = 0;
        ChunkPrefix? last = null;
        Span<byte> written = stackalloc byte[BaseEntry.SpillLength];
        for (var partition = 0; partition < PartitionedSpill.Partitions; partition++)
        {
            foreach (var entry in Merge(_entries.Read(partition), old, kept, partition))
            {
                if (repeated.Count > 0 && repeated.Contains(entry.Row)) continue;
                if (entry.Id != last)
                {
                    var itsGroup = filterBits == 0 ? 0 : (int)(entry.Id.High >> (64 - filterBits));
                    for (; group < itsGroup; group++) CloseFilter(keys, shapes);
                    keys.Add(entry.Id.Middle);
                    chunks++;
                    last = entry.Id;
                }

                entry.Spill(written);
                _writer.Write(written[2..]);
                buckets[(entry.Id.High >> (64 - bucketBits)) + 1]++;
                entries++;
            }
        }

        for (; group < 1 << filterBits; group++) CloseFilter(keys, shapes);
        return (entries, chunks);
    }

    private static IEnumerable<BaseEntry> Merge(BaseEntry[] added, IndexBase? old, int[] kept, int partition)
    {
        var at = 0;
        if (old is not null)
        {
            foreach (var (_, entry) in old.EnumerateEntries(partition))
            {
                if (kept[entry.Row] == Gone) continue;
                var moved = entry with { Row = kept[entry.Row] };
                while (at < added.Length && added[at].CompareTo(moved) < 0) yield return added[at++];
                yield return moved;
            }
        }

        while (at < added.Length) yield return added[at++];
    }

    private void CloseFilter(List<ulong> keys, List<(FuseShape Shape, long Offset)> shapes)
    {
        var shape = FuseFilter.Build([.. keys], (ulong)shapes.Count + 1, out var fingerprints);
        shapes.Add((shape, _filters.Length));
        _filters.Append(fingerprints);
        keys.Clear();
    }

    private FileRegion WriteFilters(List<(FuseShape Shape, long Offset)> shapes)
    {
        var start = _writer.Position;
        Write(shapes.Count, FilterEntryLength, (i, entry) =>
        {
            BinaryPrimitives.WriteUInt64LittleEndian(entry, shapes[i].Shape.Seed);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], shapes[i].Shape.SegmentLength);
            BinaryPrimitives.WriteInt32LittleEndian(entry[12..], shapes[i].Shape.SegmentCount);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], ((long)shapes.Count * FilterEntryLength) + shapes[i].Offset);
        });
        var buffer = new byte[IndexBaseHeader.BlockLength];
        for (long at = 0; at < _filters.Length; at += buffer.Length)
        {
            var some = buffer.AsSpan(0, (int)Math.Min(buffer.Length, _filters.Length - at));
            _filters.Read(at, some);
            _writer.Write(some);
        }

        return new FileRegion(start, _writer.Position - start);
    }

    private FileRegion Write(int count, int length, Action<int, Span<byte>> write)
    {
        var start = _writer.Position;
        Span<byte> entry = stackalloc byte[BaseSegment.Length];
        entry = entry[..length];
        for (var i = 0; i < count; i++)
        {
            entry.Clear();
            write(i, entry);
            _writer.Write(entry);
        }

        return new FileRegion(start, count * (long)length);
    }

    private int OrdinalOf(SessionIdentity session)
    {
        var key = new SessionIdentityKey(session.Generation, session.Suite, new ChunkId(session.Salt.Span));
        if (_sessionOrdinals.TryGetValue(key, out var ordinal)) return ordinal;
        _sessionOrdinals.Add(key, _sessions.Count);
        _sessions.Add(session);
        return _sessions.Count - 1;
    }

    private readonly record struct SessionIdentityKey(ushort Generation, CipherSuite Suite, ChunkId Salt);
}
