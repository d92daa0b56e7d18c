using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// The large, settled part of the index: a sorted table in a file that is mapped into memory, made from the segments that it lists. A look-up touches
/// a filter, a bucket and one page of the table. The file never changes; the standings of packs are kept beside it. Thread-safe.
/// </summary>
internal sealed class IndexBase
{
    private readonly VerifiedFile _file;
    private readonly IndexBaseHeader _header;
    private readonly FuseShape[] _filters;
    private readonly long[] _filterOffsets;
    private readonly byte[] _standings;
    private readonly bool[] _toldSessions;

    private IndexBase(VerifiedFile file, IndexBaseHeader header)
    {
        _file = file;
        _header = header;
        _standings = new byte[header.Rows];
        _toldSessions = new bool[header.Sessions.Length / SessionTable.EntryLength];
        _filters = new FuseShape[1 << header.FilterBits];
        _filterOffsets = new long[_filters.Length];
        for (var i = 0; i < _filters.Length; i++)
        {
            var entry = _file.Get(header.Filters.Offset + (i * IndexBaseBuilder.FilterEntryLength), IndexBaseBuilder.FilterEntryLength);
            _filters[i] = new FuseShape(
                BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadInt32LittleEndian(entry[12..]));
            _filterOffsets[i] = header.Filters.Offset + BinaryPrimitives.ReadInt64LittleEndian(entry[16..]);
        }

        var segments = new BaseSegment[header.Segments.Length / BaseSegment.Length];
        for (var i = 0; i < segments.Length; i++) segments[i] = BaseSegment.Read(_file.Get(header.Segments.Offset + ((long)i * BaseSegment.Length), BaseSegment.Length));
        Segments = segments;
    }

    /// <summary>What it was made from.</summary>
    public IReadOnlyList<BaseSegment> Segments { get; }

    /// <summary>The file's name; it may be gone, or another's by now.</summary>
    public string Path => _file.Path;

    public long FileLength => _header.FileLength;

    /// <summary>Distinct chunks.</summary>
    public long ChunkCount => _header.Chunks;

    /// <summary>Locations.</summary>
    public long EntryCount => _header.Entries;

    public int RowCount => _header.Rows;

    public int PackCount => _header.Packs;

    /// <summary>Whether several of the segments name the same pack.</summary>
    public bool HasRepeatedPacks => _header.HasRepeatedPacks;

    /// <summary>Whether a part of the file was found to be damaged: it answers no more questions.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>Whether the filter is asked first. Only measurements turn it off.</summary>
    internal bool UsesFilter { get; set; } = true;

    /// <summary>Opens a base. Reads its header and the checksums; the handle stays the caller's and may be closed at once.</summary>
    /// <exception cref="IndexCacheDamagedException">It is not one of this repository, or not as it was written.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IndexBase Open(string path, SafeFileHandle handle, byte[] key, ReadOnlySpan<byte> repositoryId)
    {
        var (file, header) = VerifiedFile.Open(path, handle, key, repositoryId);
        return new IndexBase(file, header);
    }

    /// <summary>Finds all entries of a chunk: neighbours. Count 0 when there is none.</summary>
    /// <exception cref="IndexCacheDamagedException">The file is damaged.</exception>
    public (long First, int Count) Find(in ChunkPrefix id)
    {
        try
        {
            if (UsesFilter && !PassesFilter(id)) return default;
            var (low, high) = Bucket(id.High >> (64 - _header.BucketBits));
            var entries = _file.Get(_header.EntryTable.Offset + (low * BaseEntry.Length), checked((int)(high - low) * BaseEntry.Length));
            Span<byte> wanted = stackalloc byte[ChunkPrefix.Length];
            id.Write(wanted);
            wanted = wanted[2..];
            var count = 0;
            long first = 0;
            for (var at = 0; at < entries.Length; at += BaseEntry.Length)
            {
                var order = entries.Slice(at, wanted.Length).SequenceCompareTo(wanted);
                if (order < 0) continue;
                if (order > 0) break;
                if (count++ == 0) first = low + (at / BaseEntry.Length);
            }

            return (first, count);
        }
        catch (IndexCacheDamagedException)
        {
            IsDamaged = true;
            throw;
        }
        finally
        {
            GC.KeepAlive(_file);
        }
    }

    /// <summary>What the filter alone says.</summary>
    internal bool MayContain(in ChunkPrefix id)
    {
        var passes = PassesFilter(id);
        GC.KeepAlive(_file);
        return passes;
    }

    /// <summary>Row and slot of an entry.</summary>
    public (int Row, int Slot) EntryAt(long position)
    {
        var entry = Get(_header.EntryTable.Offset + (position * BaseEntry.Length) + 18, 6);
        var found = (BinaryPrimitives.ReadInt32LittleEndian(entry), BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]));
        GC.KeepAlive(_file);
        return found;
    }

    /// <summary>All entries whose id begins with this byte, in order.</summary>
    public IEnumerable<(long Position, BaseEntry Entry)> EnumerateEntries(int firstByte)
    {
        // Only whole bytes of an id are left out of entries, so that the bucket gives the first two.
        var perTwo = 1L << (_header.BucketBits - 16);
        for (var two = firstByte << 8; two < (firstByte + 1) << 8; two++)
        {
            var (from, _) = Bucket((ulong)(two * perTwo));
            var (_, to) = Bucket((ulong)(((two + 1) * perTwo) - 1));
            for (var position = from; position < to; position++)
            {
                var entry = BaseEntry.Read(Get(_header.EntryTable.Offset + (position * BaseEntry.Length), BaseEntry.Length), (ushort)two);
                GC.KeepAlive(_file);
                yield return (position, entry);
            }
        }
    }

    public BaseRow RowAt(int row)
    {
        if ((uint)row >= (uint)_header.Rows) throw Damaged($"it refers to row {row} of {_header.Rows}");
        var found = BaseRow.Read(Get(_header.RowTable.Offset + ((long)row * BaseRow.Length), BaseRow.Length));
        GC.KeepAlive(_file);
        return found;
    }

    /// <summary>The first row of the pack that this row belongs to.</summary>
    public int FirstRowOf(int row)
    {
        while (row > 0 && RowAt(row).Continues) row--;
        return row;
    }

    /// <summary>Finds the first row of a pack.</summary>
    public bool TryFindPack(PackId pack, out int row)
    {
        // A table of the first 8 bytes of the packs' hashes, sorted, each with its row.
        Span<byte> hash = stackalloc byte[ChunkId.Length];
        pack.Hash.CopyTo(hash);
        var wanted = BinaryPrimitives.ReadUInt64BigEndian(hash);
        long low = 0, high = _header.Packs;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (PackAt(middle).Hash < wanted) low = middle + 1;
            else high = middle;
        }

        for (; low < _header.Packs && PackAt(low) is var found && found.Hash == wanted; low++)
        {
            if (RowAt(found.Row).Pack != pack) continue;
            row = found.Row;
            return true;
        }

        row = -1;
        return false;
    }

    public PackStanding StandingOf(int row) => (PackStanding)Volatile.Read(ref _standings[row]);

    /// <summary>Sets the standing of a pack, given by its first row.</summary>
    public void SetStanding(int row, PackStanding standing)
    {
        do Volatile.Write(ref _standings[row++], (byte)standing);
        while (row < _header.Rows && RowAt(row).Continues);
    }

    /// <summary>Gives all packs one standing.</summary>
    public void SetStandings(PackStanding standing) => Array.Fill(_standings, (byte)standing);

    /// <summary>The lengths of all chunks of a row, 7 bytes each.</summary>
    public void ReadLocations(in BaseRow row, Span<byte> destination)
    {
        Get(_header.Locations.Offset + (row.FirstLocation * BaseLocation.Length), row.Count * BaseLocation.Length).CopyTo(destination);
        GC.KeepAlive(_file);
    }

    /// <summary>Where a chunk is.</summary>
    public ChunkLocation LocationOf(int row, int slot)
    {
        var pack = RowAt(row);
        if (slot >= pack.Count) throw Damaged($"it refers to chunk {slot} of {pack.Count} in row {row}");
        var records = Get(_header.Locations.Offset + (pack.FirstLocation * BaseLocation.Length), (slot + 1) * BaseLocation.Length);
        long offset = pack.Offset;
        for (var i = 0; i < slot; i++) offset += BaseLocation.Read(records[(i * BaseLocation.Length)..]).StoredLength;
        var found = BaseLocation.Read(records[(slot * BaseLocation.Length)..]);
        GC.KeepAlive(_file);
        return new ChunkLocation(pack.Pack, offset, found.StoredLength, found.PlainLength, found.Kind);
    }

    public SessionIdentity SessionAt(int ordinal)
    {
        if ((uint)ordinal >= (uint)_toldSessions.Length) throw Damaged($"it refers to session {ordinal} of {_toldSessions.Length}");
        var session = SessionTable.Read(Get(_header.Sessions.Offset + ((long)ordinal * SessionTable.EntryLength), SessionTable.EntryLength), Path, _header.Sessions.Offset);
        GC.KeepAlive(_file);
        return session;
    }

    /// <summary>The session that sealed the chunks of a row, the first time that it is asked for; null after that.</summary>
    public SessionIdentity? TakeUntoldSession(int row)
    {
        var ordinal = RowAt(row).Session;
        if ((uint)ordinal < (uint)_toldSessions.Length && Volatile.Read(ref _toldSessions[ordinal])) return null;
        return SessionAt(ordinal);
    }

    /// <summary>Notes that the session of a row is known to whoever needs it.</summary>
    public void MarkSessionTold(int row) => Volatile.Write(ref _toldSessions[RowAt(row).Session], true);

    /// <summary>Compares every block of the file with its checksum.</summary>
    /// <exception cref="IndexCacheDamagedException">One is damaged.</exception>
    public void VerifyAll()
    {
        for (var at = (long)IndexBaseHeader.Length; at < _header.Checksums.Offset; at += IndexBaseHeader.BlockLength) Get(at, 1);
        GC.KeepAlive(_file);
    }

    private bool PassesFilter(in ChunkPrefix id)
    {
        var group = _header.FilterBits == 0 ? 0 : (int)(id.High >> (64 - _header.FilterBits));
        ref readonly var shape = ref _filters[group];
        if (shape.SegmentLength == 0) return true;
        var probe = shape.Probe(id.Middle);
        var start = _filterOffsets[group];
        var combined = _file.Get(start + probe.First, 1)[0] ^ _file.Get(start + probe.Second, 1)[0] ^ _file.Get(start + probe.Third, 1)[0];
        return combined == probe.Fingerprint;
    }

    private (long From, long To) Bucket(ulong bucket)
    {
        var bounds = Get(_header.Buckets.Offset + ((long)bucket * 4), 8);
        var found = (From: (long)BinaryPrimitives.ReadUInt32LittleEndian(bounds), To: (long)BinaryPrimitives.ReadUInt32LittleEndian(bounds[4..]));
        return found.From <= found.To && found.To <= _header.Entries ? found : throw Damaged($"bucket {bucket} is out of bounds");
    }

    private (ulong Hash, int Row) PackAt(long position)
    {
        var entry = Get(_header.PackOrder.Offset + (position * IndexBaseBuilder.PackOrderLength), IndexBaseBuilder.PackOrderLength);
        var found = (BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadInt32LittleEndian(entry[8..]));
        GC.KeepAlive(_file);
        return found;
    }

    private ReadOnlySpan<byte> Get(long offset, int length)
    {
        try
        {
            return _file.Get(offset, length);
        }
        catch (IndexCacheDamagedException)
        {
            IsDamaged = true;
            throw;
        }
    }

    private IndexCacheDamagedException Damaged(string why)
    {
        IsDamaged = true;
        return new IndexCacheDamagedException(Path, why);
    }
}
