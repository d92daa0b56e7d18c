using System.Collections.Immutable;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Reads encoded entries one after another (<see cref="TreeEntryWriter"/> has the layout) and checks every field of each before it is
/// shown. Allocates nothing until <see cref="ToEntry"/>.
/// </summary>
internal ref struct TreeEntryReader
{
    public const uint MaxMode = 0xFFF;
    public const uint MaxNanoseconds = 999_999_999;

    private PlaintextReader _reader;
    private DeltaBase _previous;
    private EntryFields _current;

    /// <param name="reader">At the first entry; the entries fill what is left.</param>
    /// <param name="first">What the first entry is relative to.</param>
    public TreeEntryReader(PlaintextReader reader, DeltaBase first)
    {
        _reader = reader;
        _previous = first;
    }

    public readonly EntryFields Current => _current;

    public readonly int Position => _reader.Position;

    public bool MoveNext()
    {
        if (_reader.AtEnd)
            return false;
        Read(ref _reader, in _previous, allowNameless: false, out _current);
        _previous = _current.Base;
        return true;
    }

    /// <summary>Reads and checks one entry.</summary>
    /// <exception cref="RepositoryFormatException">It is not one.</exception>
    public static void Read(ref PlaintextReader reader, in DeltaBase previous, bool allowNameless, out EntryFields fields)
    {
        fields = default;
        var length = (int)reader.ReadVarint(TreeLimits.MaxEntryLength, "the length of an entry");
        if (length > reader.Remaining)
            reader.Fail($"an entry of {length} bytes does not fit the {reader.Remaining} bytes that are left");
        fields.End = reader.Position + length;

        fields.Type = (TreeEntryType)reader.ReadByte();
        if (fields.Type is < TreeEntryType.RegularFile or > TreeEntryType.Socket)
            reader.Fail($"an entry has the unknown type {(byte)fields.Type}");
        fields.Flags = (TreeEntryFlags)reader.ReadVarint((ulong)TreeEntryFlags.All, "the flags of an entry");
        var name = reader.ReadCounted(TreeLimits.MaxNameLength, "the length of a name");
        fields.NameLength = name.Length;
        fields.NameStart = reader.Position - name.Length;
        if (!(allowNameless && name.IsEmpty) && TreeLimits.CheckName(name) is { } why)
            reader.FailAt(fields.NameStart, why);
        fields.Mode = (uint)reader.ReadVarint(MaxMode, "the mode");
        var userId = ReadId(ref reader, previous.UserId);
        var groupId = ReadId(ref reader, previous.GroupId);
        fields.Modified = ReadTime(ref reader, previous.ModifiedSeconds);
        fields.Changed = ReadTime(ref reader, previous.ChangedSeconds);
        var inode = unchecked(previous.Inode + (ulong)reader.ReadSigned());
        fields.Base = new DeltaBase(userId, groupId, fields.Modified.Seconds, fields.Changed.Seconds, inode);
        if ((fields.Flags & TreeEntryFlags.BirthTime) != 0)
            fields.Birth = ReadTime(ref reader, 0);
        if ((fields.Flags & TreeEntryFlags.HardLinked) != 0)
            fields.Device = reader.ReadVarint();
        if ((fields.Flags & TreeEntryFlags.InodeFlags) != 0)
        {
            fields.InodeFlags = (uint)reader.ReadVarint(uint.MaxValue, "the inode flags");
            if (fields.InodeFlags == 0)
                reader.Fail("inode flags of zero are stored");
        }
        fields.AttributesStart = reader.Position;
        if ((fields.Flags & TreeEntryFlags.ExtendedAttributes) != 0)
            CheckAttributes(ref reader);
        CheckContent(ref reader, ref fields);
        if (reader.Position != fields.End)
            reader.Fail($"an entry ends here but its length says byte {reader.Offset + fields.End}");
    }

    /// <summary>Makes an entry of fields that were read before. It shares <paramref name="bytes"/>.</summary>
    /// <param name="fields">As <see cref="Read"/> left them.</param>
    /// <param name="bytes">The same bytes that were read.</param>
    /// <param name="origin">What they belong to.</param>
    /// <param name="offset">Where in it they begin.</param>
    public static TreeEntry ToEntry(in EntryFields fields, ReadOnlyMemory<byte> bytes, PlaintextOrigin origin, long offset)
    {
        var reader = new PlaintextReader(bytes.Span, origin, offset) { Position = fields.ContentStart };
        FileContent? content = null;
        DirectoryContent? directory = null;
        ReadOnlyMemory<byte> target = default;
        uint major = 0;
        uint minor = 0;
        switch (fields.Type)
        {
            case TreeEntryType.RegularFile:
                content = ReadContent(ref reader, fields.Size, bytes);
                break;
            case TreeEntryType.Directory:
                directory = ReadDirectory(ref reader, bytes);
                break;
            case TreeEntryType.SymbolicLink:
                var length = (int)reader.ReadVarint();
                target = bytes.Slice(reader.Position, length);
                break;
            case TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice:
                major = (uint)reader.ReadVarint();
                minor = (uint)reader.ReadVarint();
                break;
        }
        return new TreeEntry
        {
            Type = fields.Type,
            Name = bytes.Slice(fields.NameStart, fields.NameLength),
            Mode = fields.Mode,
            UserId = fields.Base.UserId,
            GroupId = fields.Base.GroupId,
            Modified = fields.Modified,
            Changed = fields.Changed,
            Inode = fields.Base.Inode,
            Birth = (fields.Flags & TreeEntryFlags.BirthTime) != 0 ? fields.Birth : null,
            HardLinkDevice = (fields.Flags & TreeEntryFlags.HardLinked) != 0 ? fields.Device : null,
            InodeFlags = fields.InodeFlags,
            ExtendedAttributes = (fields.Flags & TreeEntryFlags.ExtendedAttributes) != 0 ? ReadAttributes(fields.AttributesStart, bytes, origin, offset) : [],
            ChangedWhileRead = (fields.Flags & TreeEntryFlags.ChangedWhileRead) != 0,
            UnreadableContent = (fields.Flags & TreeEntryFlags.UnreadableContent) != 0,
            Size = fields.Size,
            Content = content,
            Directory = directory,
            LinkTarget = target,
            DeviceMajor = major,
            DeviceMinor = minor,
        };
    }

    /// <summary>Reads one item of a content list.</summary>
    public static ContentItem ReadItem(ref PlaintextReader reader)
    {
        var start = reader.Position;
        var coded = reader.ReadVarint();
        var length = (long)(coded >> 1);
        if (length == 0)
            reader.FailAt(start, "a content item covers no bytes");
        if ((coded & 1) != 0)
            return ContentItem.Hole(length);
        if (length > TreeLimits.MaxDataChunk)
            reader.FailAt(start, $"a data chunk of {length} bytes is longer than {TreeLimits.MaxDataChunk}");
        return ContentItem.Data(reader.ReadChunkId(), (int)length);
    }

    private static uint ReadId(ref PlaintextReader reader, uint previous)
    {
        var start = reader.Position;
        var delta = reader.ReadSigned();
        if (delta < -(long)previous || delta > uint.MaxValue - (long)previous)
            reader.FailAt(start, "an owner does not fit 32 bits");
        return (uint)(previous + delta);
    }

    private static FileTimestamp ReadTime(ref PlaintextReader reader, long previous)
    {
        var seconds = unchecked(previous + reader.ReadSigned());
        return new FileTimestamp(seconds, (uint)reader.ReadVarint(MaxNanoseconds, "the nanoseconds of a time"));
    }

    private static void CheckAttributes(ref PlaintextReader reader)
    {
        var start = reader.Position;
        var count = (int)reader.ReadVarint(TreeLimits.MaxAttributes, "the number of extended attributes");
        if (count == 0)
            reader.FailAt(start, "an empty list of extended attributes is stored");
        ReadOnlySpan<byte> previous = default;
        for (var i = 0; i < count; i++)
        {
            start = reader.Position;
            var name = reader.ReadCounted(TreeLimits.MaxAttributeName, "the length of an attribute's name");
            if (name.IsEmpty || name.Contains((byte)0))
                reader.FailAt(start, "the name of an extended attribute is empty or contains a NUL byte");
            if (name.SequenceCompareTo(previous) <= 0)
                reader.FailAt(start, "extended attributes are not in the order of their names");
            previous = name;
            switch (reader.ReadByte())
            {
                case 0:
                    reader.ReadCounted(TreeLimits.MaxAttributeValue, "the length of an attribute's value");
                    break;
                case 1:
                    reader.ReadBytes(ChunkId.Length);
                    if (reader.ReadVarint(TreeLimits.MaxDataChunk, "the length of an attribute's value") == 0)
                        reader.Fail("an attribute's value in a chunk has no bytes");
                    break;
                default:
                    reader.Fail("the value of an extended attribute is of an unknown kind");
                    break;
            }
        }
    }

    private static ExtendedAttribute[] ReadAttributes(int start, ReadOnlyMemory<byte> bytes, PlaintextOrigin origin, long offset)
    {
        var reader = new PlaintextReader(bytes.Span, origin, offset) { Position = start };
        var attributes = new ExtendedAttribute[(int)reader.ReadVarint()];
        for (var i = 0; i < attributes.Length; i++)
        {
            var nameLength = (int)reader.ReadVarint();
            var name = bytes.Slice(reader.Position, nameLength);
            reader.Position += nameLength;
            if (reader.ReadByte() == 1)
            {
                var chunk = reader.ReadChunkId();
                attributes[i] = new ExtendedAttribute(name, chunk, (int)reader.ReadVarint());
                continue;
            }
            var length = (int)reader.ReadVarint();
            attributes[i] = new ExtendedAttribute(name, bytes.Slice(reader.Position, length));
            reader.Position += length;
        }
        return attributes;
    }

    private static void CheckContent(ref PlaintextReader reader, ref EntryFields fields)
    {
        var unreadable = (fields.Flags & TreeEntryFlags.UnreadableContent) != 0;
        switch (fields.Type)
        {
            case TreeEntryType.RegularFile:
                fields.Size = (long)reader.ReadVarint(long.MaxValue, "the size of a file");
                fields.ContentStart = reader.Position;
                CheckFile(ref reader, fields.Size, unreadable);
                break;
            case TreeEntryType.Directory:
                fields.ContentStart = reader.Position;
                CheckDirectory(ref reader);
                break;
            case TreeEntryType.SymbolicLink:
                fields.ContentStart = reader.Position;
                var target = reader.ReadCounted(TreeLimits.MaxLinkTarget, "the length of a link target");
                if (target.Contains((byte)0) || (target.IsEmpty && !unreadable))
                    reader.FailAt(fields.ContentStart, "a link target is empty or contains a NUL byte");
                break;
            case TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice:
                fields.ContentStart = reader.Position;
                reader.ReadVarint(uint.MaxValue, "the major number of a device");
                reader.ReadVarint(uint.MaxValue, "the minor number of a device");
                break;
            default:
                fields.ContentStart = reader.Position;
                break;
        }
    }

    private static void CheckFile(ref PlaintextReader reader, long size, bool unreadable)
    {
        var start = reader.Position;
        var kind = (FileContentKind)reader.ReadByte();
        if (kind != FileContentKind.Empty && size == 0)
            reader.FailAt(start, "an empty file has content");
        switch (kind)
        {
            case FileContentKind.Empty:
                if (size != 0 && !unreadable)
                    reader.FailAt(start, $"a file of {size} bytes has no content");
                break;
            case FileContentKind.Inline:
                if (size > TreeLimits.MaxInlineFile)
                    reader.FailAt(start, $"an inline file of {size} bytes is longer than {TreeLimits.MaxInlineFile}");
                reader.ReadBytes((int)size);
                break;
            case FileContentKind.Bundle:
                reader.ReadBytes(ChunkId.Length);
                var offset = reader.ReadVarint(TreeLimits.MaxDataChunk, "the offset in a bundle");
                if (size > TreeLimits.MaxDataChunk - (long)offset)
                    reader.FailAt(start, "a slice of a bundle ends after the largest chunk");
                break;
            case FileContentKind.List:
                CheckList(ref reader, size);
                break;
            case FileContentKind.Indirect:
                reader.ReadBytes(ChunkId.Length);
                if (reader.ReadByte() > TreeLimits.MaxListLevel)
                    reader.FailAt(start, "the content list has too many levels");
                break;
            case FileContentKind.Hole:
                break;
            default:
                reader.FailAt(start, $"a file has content of the unknown kind {(byte)kind}");
                break;
        }
    }

    private static void CheckList(ref PlaintextReader reader, long size)
    {
        var start = reader.Position;
        var count = (int)reader.ReadVarint(TreeLimits.MaxDirectItems, "the number of a file's items");
        var left = size;
        for (var i = 0; i < count; i++)
        {
            var item = ReadItem(ref reader);
            if (item.Length > left)
                reader.FailAt(start, $"the items of a file cover more than its {size} bytes");
            left -= item.Length;
        }
        if (left != 0)
            reader.FailAt(start, $"the items of a file cover {left} bytes less than its {size} bytes");
    }

    private static void CheckDirectory(ref PlaintextReader reader)
    {
        var start = reader.Position;
        switch ((DirectoryContentKind)reader.ReadByte())
        {
            case DirectoryContentKind.Empty:
                break;
            case DirectoryContentKind.Inline:
                if (reader.ReadCounted(TreeLimits.MaxInlineDirectory, "the length of an inline directory").IsEmpty)
                    reader.FailAt(start, "an inline directory has no entries");
                break;
            case DirectoryContentKind.Paged:
                reader.ReadBytes(ChunkId.Length);
                if (reader.ReadByte() > TreeLimits.MaxPageLevel)
                    reader.FailAt(start, "a directory has too many levels of pages");
                break;
            default:
                reader.FailAt(start, "a directory has content of an unknown kind");
                break;
        }
    }

    private static FileContent ReadContent(ref PlaintextReader reader, long size, ReadOnlyMemory<byte> bytes)
    {
        switch ((FileContentKind)reader.ReadByte())
        {
            case FileContentKind.Inline:
                return new InlineContent(bytes.Slice(reader.Position, (int)size));
            case FileContentKind.Bundle:
                return new BundleSlice(reader.ReadChunkId(), (int)reader.ReadVarint(), (int)size);
            case FileContentKind.List:
                var items = ImmutableArray.CreateBuilder<ContentItem>((int)reader.ReadVarint());
                for (var left = items.Capacity; left > 0; left--)
                    items.Add(ReadItem(ref reader));
                return new ChunkList(items.MoveToImmutable());
            case FileContentKind.Indirect:
                return new IndirectList(reader.ReadChunkId(), reader.ReadByte(), size);
            case FileContentKind.Hole:
                return new WholeHole(size);
            default:
                return EmptyContent.Instance;
        }
    }

    private static DirectoryContent ReadDirectory(ref PlaintextReader reader, ReadOnlyMemory<byte> bytes)
    {
        switch ((DirectoryContentKind)reader.ReadByte())
        {
            case DirectoryContentKind.Inline:
                var length = (int)reader.ReadVarint();
                return new InlineDirectory(bytes.Slice(reader.Position, length), reader.Origin, reader.Offset + reader.Position);
            case DirectoryContentKind.Paged:
                return new PagedDirectory(reader.ReadChunkId(), reader.ReadByte());
            default:
                return EmptyDirectory.Instance;
        }
    }
}
