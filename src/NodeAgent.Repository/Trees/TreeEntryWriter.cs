using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Encodes entries. All integers are varints unless a size is given; "delta" is the zigzag difference to the previous entry of the
/// list, in wrapping 64-bit arithmetic.
/// <code>
/// length of what follows | u8 type | flags | name length, name | mode | uid delta | gid delta
/// mtime s delta | mtime ns | ctime s delta | ctime ns | inode delta
/// [birth s (zigzag), ns] [hard-link device ordinal] [inode flags] [attribute count, attributes in ascending order of names]
/// regular file: size | u8 kind | kind's fields        directory: u8 kind | kind's fields
/// symbolic link: target length, target                 device: major | minor
/// attribute: name length, name | u8 0 | value length, value        or: name length, name | u8 1 | chunk id (32) | length
/// </code>
/// Equal entries give equal bytes.
/// </summary>
internal static class TreeEntryWriter
{
    // A varint of up to 2^21 - 1 takes three bytes, and no entry is longer than 1 MiB.
    private const int LengthRoom = 3;

    /// <summary>Appends one entry.</summary>
    /// <exception cref="ArgumentException">The entry cannot be represented. The buffer is as before.</exception>
    public static void Write(PlaintextBuffer buffer, TreeEntry entry, DeltaBase previous)
    {
        Validate(entry);
        var start = buffer.Length;
        buffer.Append(LengthRoom);
        WriteFields(buffer, entry, previous);
        var length = buffer.Length - start - LengthRoom;
        if (length > TreeLimits.MaxEntryLength)
        {
            buffer.Truncate(start);
            throw new ArgumentException(
                $"the entry takes {length} bytes, more than {TreeLimits.MaxEntryLength}: store large extended attributes as chunks", nameof(entry));
        }
        var shift = LengthRoom - Varint.Length((ulong)length);
        var bytes = buffer.Bytes[start..];
        Varint.Write(bytes, (ulong)length);
        if (shift > 0)
            bytes[LengthRoom..].CopyTo(bytes[(LengthRoom - shift)..]);
        buffer.Truncate(buffer.Length - shift);
    }

    private static void WriteFields(PlaintextBuffer buffer, TreeEntry entry, DeltaBase previous)
    {
        buffer.WriteByte((byte)entry.Type);
        buffer.WriteVarint((ulong)FlagsOf(entry));
        buffer.WriteCounted(entry.Name.Span);
        buffer.WriteVarint(entry.Mode);
        buffer.WriteSigned((long)entry.UserId - previous.UserId);
        buffer.WriteSigned((long)entry.GroupId - previous.GroupId);
        buffer.WriteSigned(unchecked(entry.Modified.Seconds - previous.ModifiedSeconds));
        buffer.WriteVarint(entry.Modified.Nanoseconds);
        buffer.WriteSigned(unchecked(entry.Changed.Seconds - previous.ChangedSeconds));
        buffer.WriteVarint(entry.Changed.Nanoseconds);
        buffer.WriteSigned(unchecked((long)(entry.Inode - previous.Inode)));
        if (entry.Birth is { } birth)
        {
            buffer.WriteSigned(birth.Seconds);
            buffer.WriteVarint(birth.Nanoseconds);
        }
        if (entry.HardLinkDevice is { } device)
            buffer.WriteVarint(device);
        if (entry.InodeFlags != 0)
            buffer.WriteVarint(entry.InodeFlags);
        if (entry.ExtendedAttributes.Count > 0)
            WriteAttributes(buffer, entry.ExtendedAttributes);
        switch (entry.Type)
        {
            case TreeEntryType.RegularFile:
                buffer.WriteVarint((ulong)entry.Size);
                WriteContent(buffer, entry.Content!);
                break;
            case TreeEntryType.Directory:
                WriteDirectory(buffer, entry.Directory!);
                break;
            case TreeEntryType.SymbolicLink:
                buffer.WriteCounted(entry.LinkTarget.Span);
                break;
            case TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice:
                buffer.WriteVarint(entry.DeviceMajor);
                buffer.WriteVarint(entry.DeviceMinor);
                break;
        }
    }

    private static TreeEntryFlags FlagsOf(TreeEntry entry) =>
        (entry.HardLinkDevice is null ? 0 : TreeEntryFlags.HardLinked)
        | (entry.ExtendedAttributes.Count == 0 ? 0 : TreeEntryFlags.ExtendedAttributes)
        | (entry.InodeFlags == 0 ? 0 : TreeEntryFlags.InodeFlags)
        | (entry.Birth is null ? 0 : TreeEntryFlags.BirthTime)
        | (entry.ChangedWhileRead ? TreeEntryFlags.ChangedWhileRead : 0)
        | (entry.UnreadableContent ? TreeEntryFlags.UnreadableContent : 0);

    private static void WriteAttributes(PlaintextBuffer buffer, IReadOnlyList<ExtendedAttribute> attributes)
    {
        buffer.WriteVarint((ulong)attributes.Count);
        foreach (var attribute in InOrder(attributes))
        {
            buffer.WriteCounted(attribute.Name.Span);
            if (attribute.Chunk is { } chunk)
            {
                buffer.WriteByte(1);
                chunk.CopyTo(buffer.Append(ChunkId.Length));
                buffer.WriteVarint((ulong)attribute.Length);
            }
            else
            {
                buffer.WriteByte(0);
                buffer.WriteCounted(attribute.Value.Span);
            }
        }
    }

    private static void WriteContent(PlaintextBuffer buffer, FileContent content)
    {
        switch (content)
        {
            case EmptyContent:
                buffer.WriteByte((byte)FileContentKind.Empty);
                break;
            case InlineContent inline:
                buffer.WriteByte((byte)FileContentKind.Inline);
                buffer.Write(inline.Bytes.Span);
                break;
            case BundleSlice slice:
                buffer.WriteByte((byte)FileContentKind.Bundle);
                slice.Chunk.CopyTo(buffer.Append(ChunkId.Length));
                buffer.WriteVarint((ulong)slice.Offset);
                break;
            case ChunkList list:
                buffer.WriteByte((byte)FileContentKind.List);
                buffer.WriteVarint((ulong)list.Items.Length);
                foreach (var item in list.Items)
                    WriteItem(buffer, item);
                break;
            case IndirectList indirect:
                buffer.WriteByte((byte)FileContentKind.Indirect);
                indirect.Root.CopyTo(buffer.Append(ChunkId.Length));
                buffer.WriteByte((byte)indirect.Level);
                break;
            case WholeHole:
                buffer.WriteByte((byte)FileContentKind.Hole);
                break;
        }
    }

    /// <summary>One item of a content list: (length times 2, plus 1 for a hole) and the chunk's id unless it is a hole.</summary>
    public static void WriteItem(PlaintextBuffer buffer, ContentItem item)
    {
        buffer.WriteVarint((ulong)item.Length << 1 | (item.IsHole ? 1u : 0u));
        if (!item.IsHole)
            item.Id.CopyTo(buffer.Append(ChunkId.Length));
    }

    private static void WriteDirectory(PlaintextBuffer buffer, DirectoryContent content)
    {
        switch (content)
        {
            case EmptyDirectory:
                buffer.WriteByte((byte)DirectoryContentKind.Empty);
                break;
            case InlineDirectory inline:
                buffer.WriteByte((byte)DirectoryContentKind.Inline);
                buffer.WriteCounted(inline.Entries.Span);
                break;
            case PagedDirectory paged:
                buffer.WriteByte((byte)DirectoryContentKind.Paged);
                paged.Root.CopyTo(buffer.Append(ChunkId.Length));
                buffer.WriteByte((byte)paged.Level);
                break;
        }
    }

    private static void Validate(TreeEntry entry)
    {
        Require(entry.Type is >= TreeEntryType.RegularFile and <= TreeEntryType.Socket, "the type is unknown");
        Require(entry.Mode <= TreeEntryReader.MaxMode, "the mode has more than its 12 permission bits");
        Require(ValidTime(entry.Modified) && ValidTime(entry.Changed) && (entry.Birth is not { } birth || ValidTime(birth)), "a time has more than 999,999,999 nanoseconds");
        if (entry.ExtendedAttributes.Count > 0)
            ValidateAttributes(entry.ExtendedAttributes);
        switch (entry.Type)
        {
            case TreeEntryType.RegularFile:
                Require(entry.Content is not null, "a regular file needs content");
                ValidateContent(entry, entry.Content!);
                break;
            case TreeEntryType.Directory:
                Require(entry.Directory is not null, "a directory needs its content");
                Require(entry.Directory is not InlineDirectory inline || inline.Entries.Length is > 0 and <= TreeLimits.MaxInlineDirectory, "the inline directory is empty or too long");
                Require(entry.Directory is not PagedDirectory paged || paged.Level is >= 0 and <= TreeLimits.MaxPageLevel, "the level of the directory's root page is out of range");
                break;
            case TreeEntryType.SymbolicLink:
                if ((!entry.LinkTarget.IsEmpty || !entry.UnreadableContent) && TreeLimits.CheckLinkTarget(entry.LinkTarget.Span) is { } why)
                    Require(false, why);
                break;
        }
    }

    private static void ValidateAttributes(IReadOnlyList<ExtendedAttribute> attributes)
    {
        Require(attributes.Count <= TreeLimits.MaxAttributes, "there are too many extended attributes");
        ReadOnlyMemory<byte> previous = default;
        foreach (var attribute in InOrder(attributes))
        {
            Require(attribute.Name.Length is > 0 and <= TreeLimits.MaxAttributeName, "the name of an extended attribute is empty or too long");
            Require(!attribute.Name.Span.Contains((byte)0), "the name of an extended attribute contains a NUL byte");
            Require(attribute.Name.Span.SequenceCompareTo(previous.Span) > 0, "two extended attributes have the same name");
            Require(
                attribute.Chunk is null
                    ? attribute.Value.Length <= TreeLimits.MaxAttributeValue
                    : attribute.Length is > 0 and <= TreeLimits.MaxDataChunk,
                "the value of an extended attribute has a length out of range");
            previous = attribute.Name;
        }
    }

    private static void ValidateContent(TreeEntry entry, FileContent content)
    {
        Require(entry.Size >= 0, "the size is negative");
        Require(
            entry.Size == content.Length || (content is EmptyContent && entry.UnreadableContent),
            $"the size is {entry.Size} but the content has {content.Length} bytes");
        switch (content)
        {
            case InlineContent:
                Require(content.Length is > 0 and <= TreeLimits.MaxInlineFile, "the inline content is empty or too long");
                break;
            case BundleSlice slice:
                Require(slice.Offset >= 0 && slice.SliceLength > 0 && (long)slice.Offset + slice.SliceLength <= TreeLimits.MaxDataChunk, "the slice of a bundle is out of range");
                break;
            case ChunkList list:
                Require(!list.Items.IsDefaultOrEmpty && list.Items.Length <= TreeLimits.MaxDirectItems, "the list of chunks is empty or too long to be direct");
                foreach (var item in list.Items)
                    RequireItem(item);
                break;
            case IndirectList indirect:
                Require(indirect.ListedLength > 0 && indirect.Level is >= 0 and <= TreeLimits.MaxListLevel, "the list's length or level is out of range");
                break;
            case WholeHole:
                Require(content.Length > 0, "a hole must have a length");
                break;
        }
    }

    /// <summary>Throws unless the item can be represented.</summary>
    public static void RequireItem(ContentItem item) =>
        Require(item.Length > 0 && (item.IsHole || item.Length <= TreeLimits.MaxDataChunk), "the length of a content item is out of range");

    private static bool ValidTime(FileTimestamp time) => time.Nanoseconds <= TreeEntryReader.MaxNanoseconds;

    private static IReadOnlyList<ExtendedAttribute> InOrder(IReadOnlyList<ExtendedAttribute> attributes)
    {
        for (var i = 1; i < attributes.Count; i++)
        {
            if (attributes[i - 1].Name.Span.SequenceCompareTo(attributes[i].Name.Span) <= 0)
                continue;
            var sorted = attributes.ToArray();
            Array.Sort(sorted, static (left, right) => left.Name.Span.SequenceCompareTo(right.Name.Span));
            return sorted;
        }
        return attributes;
    }

    private static void Require(bool condition, string why)
    {
        if (!condition)
            throw new ArgumentException($"the directory entry cannot be stored: {why}");
    }
}
