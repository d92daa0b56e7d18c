using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// The open page of one level of a directory.
/// <code>
/// "T" | u8 version 1 | u8 level | u8 0 | varint count | level 0: entries | above: children
/// child: length of the last name below, that name | tree chunk id (32) | number of entries below
/// </code>
/// </summary>
internal sealed class PageBuilder(int level) : IDisposable
{
    public const byte Magic = (byte)'T';
    public const byte Version = 1;
    public const int FixedHeader = 4;

    // The header is written last, when the count is known, right before the body.
    private const int HeaderRoom = FixedHeader + PlaintextBuffer.MaxVarint;

    private readonly PlaintextBuffer _buffer = CreateBuffer();
    private readonly byte[] _lastName = new byte[TreeLimits.MaxNameLength];
    private int _lastNameLength;

    public int Count { get; private set; }

    public int BodyLength => _buffer.Length - HeaderRoom;

    public ulong EntriesBelow { get; private set; }

    public ReadOnlySpan<byte> LastName => _lastName.AsSpan(0, _lastNameLength);

    public DeltaBase Previous { get; private set; }

    /// <summary>How many pages of this level were stored before the open one.</summary>
    public long PagesStored { get; set; }

    /// <summary>The only child of the open page, when there is one.</summary>
    public ChunkId LastChild { get; private set; }

    /// <summary>Appends an entry; false, with nothing changed, when it would take a page that is not empty past <paramref name="maxPage"/>.</summary>
    public bool TryAdd(TreeEntry entry, int maxPage)
    {
        var before = _buffer.Length;
        TreeEntryWriter.Write(_buffer, entry, Previous);
        if (Count > 0 && BodyLength > maxPage)
        {
            _buffer.Truncate(before);
            return false;
        }
        Previous = DeltaBase.Of(entry);
        Added(entry.Name.Span, 1);
        return true;
    }

    /// <summary>Appends a child; false, with nothing changed, when it would take a page of two children or more past <paramref name="maxPage"/>.</summary>
    public bool TryAdd(ReadOnlySpan<byte> lastName, ChunkId child, ulong entriesBelow, int maxPage)
    {
        var before = _buffer.Length;
        _buffer.WriteCounted(lastName);
        child.CopyTo(_buffer.Append(ChunkId.Length));
        _buffer.WriteVarint(entriesBelow);
        if (Count > 1 && BodyLength > maxPage)
        {
            _buffer.Truncate(before);
            return false;
        }
        LastChild = child;
        Added(lastName, entriesBelow);
        return true;
    }

    /// <summary>The page's plaintext; valid until the next change.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        var start = HeaderRoom - FixedHeader - Varint.Length((ulong)Count);
        var header = _buffer.Bytes[start..];
        header[0] = Magic;
        header[1] = Version;
        header[2] = (byte)level;
        header[3] = 0;
        Varint.Write(header[FixedHeader..], (ulong)Count);
        return _buffer.Slice(start);
    }

    public ReadOnlySpan<byte> Body => _buffer.Span[HeaderRoom..];

    public void Reset()
    {
        _buffer.Truncate(HeaderRoom);
        Count = 0;
        EntriesBelow = 0;
        Previous = default;
    }

    public void Dispose() => _buffer.Dispose();

    private static PlaintextBuffer CreateBuffer()
    {
        var buffer = new PlaintextBuffer(4 << 10);
        buffer.Append(HeaderRoom);
        return buffer;
    }

    private void Added(ReadOnlySpan<byte> lastName, ulong entries)
    {
        lastName.CopyTo(_lastName);
        _lastNameLength = lastName.Length;
        Count++;
        EntriesBelow = checked(EntriesBelow + entries);
    }
}
