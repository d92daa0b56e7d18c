using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>A list chunk being read (<see cref="ContentListWriter"/> has the layout).</summary>
internal sealed class ListPage
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly PlaintextOrigin _origin;
    private int _position;
    private long _lengthLeft;

    /// <param name="bytes">The plaintext.</param>
    /// <param name="id">Its chunk.</param>
    /// <param name="level">The level that the file or the list above gives.</param>
    /// <param name="length">The bytes of the file that the file or the list above says it covers.</param>
    public ListPage(ReadOnlyMemory<byte> bytes, ChunkId id, int level, long length)
    {
        _bytes = bytes;
        _origin = new PlaintextOrigin(ChunkKind.List, id);
        _lengthLeft = length;
        Level = level;
        var reader = Reader();
        if (reader.ReadByte() != ContentListWriter.Magic)
            reader.FailAt(0, "is not a list of a file's content");
        if (reader.ReadByte() is var version and not ContentListWriter.Version)
            reader.FailAt(1, $"has version {version}, which needs a newer nodeagent");
        if (reader.ReadByte() is var found && found != level)
            reader.FailAt(2, $"is of level {found} where one of level {level} belongs");
        if (reader.ReadByte() != 0)
            reader.FailAt(3, "a reserved byte is not zero");
        Remaining = (int)reader.ReadVarint(TreeLimits.MaxListItems, "the number of items in a list");
        if (Remaining == 0)
            reader.FailAt(4, "a list has no items");
        _position = reader.Position;
    }

    public int Level { get; }

    public int Remaining { get; private set; }

    public ContentItem ReadItem()
    {
        var reader = Reader();
        var item = TreeEntryReader.ReadItem(ref reader);
        Take(ref reader, item.Length);
        return item;
    }

    public (ChunkId Id, long Length) ReadChild()
    {
        var reader = Reader();
        var length = (long)reader.ReadVarint(long.MaxValue, "the length of a list");
        if (length == 0)
            reader.Fail("a list covers no bytes");
        var id = reader.ReadChunkId();
        Take(ref reader, length);
        return (id, length);
    }

    public void CheckEnd()
    {
        var reader = Reader();
        if (!reader.AtEnd)
            reader.Fail("bytes follow the last item of a list");
        if (_lengthLeft != 0)
            reader.Fail($"the items of a list cover {_lengthLeft} bytes less than they should");
    }

    private void Take(ref PlaintextReader reader, long length)
    {
        if (length > _lengthLeft)
            reader.FailAt(_position, "the items of a list cover more bytes than they should");
        _lengthLeft -= length;
        _position = reader.Position;
        Remaining--;
    }

    private PlaintextReader Reader() => new(_bytes.Span, _origin) { Position = _position };
}
