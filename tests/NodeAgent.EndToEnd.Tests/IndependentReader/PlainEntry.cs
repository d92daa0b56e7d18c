namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One entry of a directory as docs/format.md lays it out.</summary>
internal sealed class PlainEntry
{
    public static readonly PlainEntry Zero = new();

    public byte Type { get; private init; }
    public byte[] Name { get; private init; } = [];
    public uint Mode { get; private init; }
    public long Uid { get; private init; }
    public long Gid { get; private init; }
    public long ModifiedSeconds { get; private init; }
    public uint ModifiedNanoseconds { get; private init; }
    public long ChangedSeconds { get; private init; }
    public long Inode { get; private init; }
    public Dictionary<string, byte[]> Attributes { get; } = [];
    public byte ContentKind { get; private set; }
    public long Size { get; private set; }
    public byte[]? Inline { get; private set; }
    public byte[]? ChunkId { get; private set; }
    public long BundleOffset { get; private set; }
    public int Level { get; private set; }
    public List<(byte[]? Id, long Length)>? Items { get; private set; }
    public byte[]? Target { get; private set; }

    public static List<PlainEntry> ReadAll(byte[] list, PlainEntry before)
    {
        var cursor = new ByteCursor(list);
        var result = new List<PlainEntry>();
        while (!cursor.AtEnd) result.Add(before = Read(cursor, before));
        return result;
    }

    public static List<PlainEntry> ReadList(byte[] list, int count, PlainEntry before, out int end)
    {
        var cursor = new ByteCursor(list);
        var result = new List<PlainEntry>();
        for (var i = 0; i < count; i++) result.Add(before = Read(cursor, before));
        end = cursor.Position;
        return cursor.AtEnd ? result : throw new InvalidDataException("bytes after the last entry");
    }

    public static (byte[]? Id, long Length) ReadItem(ByteCursor cursor)
    {
        var head = cursor.Varint();
        return ((head & 1) == 1 ? null : cursor.Take(32), (long)(head >> 1));
    }

    private static PlainEntry Read(ByteCursor cursor, PlainEntry before)
    {
        var length = (int)cursor.Varint();
        var end = cursor.Position + length;
        var type = cursor.U8();
        var flags = cursor.Varint();
        var entry = new PlainEntry
        {
            Type = type,
            Name = cursor.Counted(),
            Mode = (uint)cursor.Varint(),
            Uid = before.Uid + cursor.Signed(),
            Gid = before.Gid + cursor.Signed(),
            ModifiedSeconds = before.ModifiedSeconds + cursor.Signed(),
            ModifiedNanoseconds = (uint)cursor.Varint(),
            ChangedSeconds = Changed(cursor, before),
            Inode = before.Inode + cursor.Signed(),
        };
        entry.ReadOptional(cursor, flags);
        entry.ReadContent(cursor);
        return cursor.Position == end ? entry : throw new InvalidDataException("an entry's length is not what its fields take");
    }

    private static long Changed(ByteCursor cursor, PlainEntry before)
    {
        var seconds = before.ChangedSeconds + cursor.Signed();
        _ = cursor.Varint();
        return seconds;
    }

    private void ReadOptional(ByteCursor cursor, ulong flags)
    {
        if ((flags & 8) != 0)
        {
            _ = cursor.Signed();
            _ = cursor.Varint();
        }

        if ((flags & 1) != 0) _ = cursor.Varint();
        if ((flags & 4) != 0) _ = cursor.Varint();
        if ((flags & 2) == 0) return;
        for (var count = (int)cursor.Varint(); count > 0; count--)
        {
            var name = System.Text.Encoding.UTF8.GetString(cursor.Counted());
            if (cursor.U8() != 0) throw new InvalidDataException("this reader knows inline attribute values only");
            Attributes.Add(name, cursor.Counted());
        }
    }

    private void ReadContent(ByteCursor cursor)
    {
        switch (Type)
        {
            case 1:
                Size = (long)cursor.Varint();
                ContentKind = cursor.U8();
                switch (ContentKind)
                {
                    case 1:
                        Inline = cursor.Take((int)Size);
                        break;
                    case 2:
                        ChunkId = cursor.Take(32);
                        BundleOffset = (long)cursor.Varint();
                        break;
                    case 3:
                        Items = [];
                        for (var count = (int)cursor.Varint(); count > 0; count--) Items.Add(ReadItem(cursor));
                        break;
                    case 4:
                        ChunkId = cursor.Take(32);
                        Level = cursor.U8();
                        break;
                }

                break;
            case 2:
                ContentKind = cursor.U8();
                if (ContentKind == 1) Inline = cursor.Counted();
                if (ContentKind == 2)
                {
                    ChunkId = cursor.Take(32);
                    Level = cursor.U8();
                }

                break;
            case 3:
                Target = cursor.Counted();
                break;
            case 4 or 5:
                _ = cursor.Varint();
                _ = cursor.Varint();
                break;
        }
    }
}
