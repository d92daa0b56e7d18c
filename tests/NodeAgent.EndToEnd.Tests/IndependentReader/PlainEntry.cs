namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One entry of a directory as docs/format.md lays it out.</summary>
internal sealed class PlainEntry
{
    public const byte RegularFile = 1, Directory = 2, SymbolicLink = 3, CharacterDevice = 4, BlockDevice = 5, Pipe = 6, Socket = 7;

    private const ulong HasLinkGroup = 1, HasAttributes = 2, HasInodeFlags = 4, HasBirth = 8, AllFlags = 63;

    public static readonly PlainEntry Zero = new();

    public byte Type { get; private set; }
    public ulong Flags { get; private set; }
    public byte[] Name { get; private set; } = [];
    public uint Mode { get; private set; }
    public long Uid { get; private set; }
    public long Gid { get; private set; }
    public long ModifiedSeconds { get; private set; }
    public uint ModifiedNanoseconds { get; private set; }
    public long ChangedSeconds { get; private set; }
    public uint ChangedNanoseconds { get; private set; }
    public long Inode { get; private set; }
    public ulong? LinkGroup { get; private set; }
    public ulong InodeFlags { get; private set; }
    public (long Seconds, ulong Nanoseconds)? Birth { get; private set; }
    public List<PlainAttribute> Attributes { get; } = [];
    public byte ContentKind { get; private set; }
    public long Size { get; private set; }
    public byte[]? Inline { get; private set; }
    public byte[]? ChunkId { get; private set; }
    public long BundleOffset { get; private set; }
    public int Level { get; private set; }
    public List<PlainItem>? Items { get; private set; }
    public byte[]? Target { get; private set; }
    public (ulong Major, ulong Minor) Device { get; private set; }

    /// <summary>How many bytes the entry takes in its list, its length field included.</summary>
    public int EncodedLength { get; private set; }

    public static List<PlainEntry> ReadAll(byte[] list, PlainEntry before)
    {
        var cursor = new ByteCursor(list);
        var result = new List<PlainEntry>();
        while (!cursor.AtEnd) result.Add(before = Read(cursor, before));
        return result;
    }

    public static PlainEntry Read(ByteCursor cursor, PlainEntry before)
    {
        var start = cursor.Position;
        var length = (int)cursor.Varint();
        var end = cursor.Position + length;
        var entry = new PlainEntry { EncodedLength = end - start };
        entry.Type = cursor.U8();
        entry.Flags = cursor.Varint();
        if ((entry.Flags & ~AllFlags) != 0) throw new InvalidDataException($"unknown flags {entry.Flags}");
        entry.Name = cursor.Counted();
        entry.Mode = (uint)cursor.Varint();
        entry.Uid = before.Uid + cursor.Signed();
        entry.Gid = before.Gid + cursor.Signed();
        entry.ModifiedSeconds = before.ModifiedSeconds + cursor.Signed();
        entry.ModifiedNanoseconds = (uint)cursor.Varint();
        entry.ChangedSeconds = before.ChangedSeconds + cursor.Signed();
        entry.ChangedNanoseconds = (uint)cursor.Varint();
        entry.Inode = before.Inode + cursor.Signed();
        entry.ReadOptional(cursor);
        entry.ReadContent(cursor);
        return cursor.Position == end ? entry : throw new InvalidDataException("an entry's length is not what its fields take");
    }

    private void ReadOptional(ByteCursor cursor)
    {
        if ((Flags & HasBirth) != 0) Birth = (cursor.Signed(), cursor.Varint());
        if ((Flags & HasLinkGroup) != 0) LinkGroup = cursor.Varint();
        if ((Flags & HasInodeFlags) != 0) InodeFlags = cursor.Varint();
        if ((Flags & HasAttributes) == 0) return;
        for (var count = (int)cursor.Varint(); count > 0; count--)
        {
            var name = cursor.Counted();
            switch (cursor.U8())
            {
                case 0:
                    Attributes.Add(new PlainAttribute(name, cursor.Counted(), null));
                    break;
                case 1:
                    Attributes.Add(new PlainAttribute(name, null, cursor.Take(32)));
                    _ = cursor.Varint();
                    break;
                default:
                    throw new InvalidDataException("an attribute's value is of an unknown kind");
            }
        }
    }

    private void ReadContent(ByteCursor cursor)
    {
        switch (Type)
        {
            case RegularFile:
                Size = (long)cursor.Varint();
                ContentKind = cursor.U8();
                ReadFileContent(cursor);
                break;
            case Directory:
                ContentKind = cursor.U8();
                if (ContentKind == 1) Inline = cursor.Counted();
                if (ContentKind == 2) (ChunkId, Level) = (cursor.Take(32), cursor.U8());
                if (ContentKind > 2) throw new InvalidDataException($"directory content kind {ContentKind}");
                break;
            case SymbolicLink:
                Target = cursor.Counted();
                break;
            case CharacterDevice or BlockDevice:
                Device = (cursor.Varint(), cursor.Varint());
                break;
            case Pipe or Socket:
                break;
            default:
                throw new InvalidDataException($"entry type {Type}");
        }
    }

    private void ReadFileContent(ByteCursor cursor)
    {
        switch (ContentKind)
        {
            case 0 or 5:
                break;
            case 1:
                Inline = cursor.Take((int)Size);
                break;
            case 2:
                (ChunkId, BundleOffset) = (cursor.Take(32), (long)cursor.Varint());
                break;
            case 3:
                Items = [];
                for (var count = (int)cursor.Varint(); count > 0; count--) Items.Add(PlainItem.Read(cursor));
                break;
            case 4:
                (ChunkId, Level) = (cursor.Take(32), cursor.U8());
                break;
            default:
                throw new InvalidDataException($"file content kind {ContentKind}");
        }
    }
}
