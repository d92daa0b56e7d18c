using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>A page, or an inline list in its place, being read: the bytes, and what the levels above promise about them.</summary>
internal sealed class TreePage
{
    private TreePage(ReadOnlyMemory<byte> bytes, PlaintextOrigin origin, long offset)
    {
        Bytes = bytes;
        Origin = origin;
        Offset = offset;
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    public PlaintextOrigin Origin { get; }

    /// <summary>Where in the origin the bytes begin.</summary>
    public long Offset { get; }

    public int Level { get; private init; }

    public int Position { get; set; }

    /// <summary>Entries or children after <see cref="Position"/>; not counted for an inline list, which ends where its bytes end.</summary>
    public ulong Remaining { get; set; }

    public DeltaBase Previous { get; set; }

    /// <summary>The last name before the page: every name in it is greater.</summary>
    public ReadOnlyMemory<byte> LowerBound { get; set; }

    /// <summary>The last name in the page by the word of the page above; empty where there is none above.</summary>
    public ReadOnlyMemory<byte> LastName { get; private init; }

    public bool IsInline { get; private init; }

    public PlaintextReader Reader() => new(Bytes.Span, Origin, Offset) { Position = Position };

    public static TreePage OpenInline(InlineDirectory directory, DeltaBase carrier) =>
        new(directory.Entries, directory.Origin, directory.Offset) { IsInline = true, Previous = carrier };

    /// <summary>Checks the header against what is expected, and a page above level 0 as a whole.</summary>
    /// <param name="bytes">The page's plaintext.</param>
    /// <param name="id">Its chunk.</param>
    /// <param name="level">The level that the page, directory or snapshot above gives.</param>
    /// <param name="lowerBound">The last name before the page, empty for none.</param>
    /// <param name="lastName">The last name in the page, empty when nothing above says.</param>
    /// <param name="entriesBelow">The number of entries in and below the page, null when nothing above says.</param>
    public static TreePage Open(ReadOnlyMemory<byte> bytes, ChunkId id, int level, ReadOnlyMemory<byte> lowerBound, ReadOnlyMemory<byte> lastName, ulong? entriesBelow)
    {
        var origin = new PlaintextOrigin(ChunkKind.Tree, id);
        var reader = new PlaintextReader(bytes.Span, origin);
        if (reader.ReadByte() != PageBuilder.Magic)
            reader.FailAt(0, "is not a page of a directory");
        if (reader.ReadByte() is var version and not PageBuilder.Version)
            reader.FailAt(1, $"has version {version}, which needs a newer nodeagent");
        if (reader.ReadByte() is var found && found != level)
            reader.FailAt(2, $"is of level {found} where one of level {level} belongs");
        if (reader.ReadByte() != 0)
            reader.FailAt(3, "a reserved byte is not zero");
        var count = reader.ReadVarint((ulong)bytes.Length, "the number of entries in a page");
        if (count == 0)
            reader.FailAt(4, "a page has no entries");
        if (level == 0 && entriesBelow is { } expected && expected != count)
            reader.FailAt(4, $"a page has {count} entries where the page above says {expected}");
        var page = new TreePage(bytes, origin, 0)
        {
            Level = level,
            Position = reader.Position,
            Remaining = count,
            LowerBound = lowerBound,
            LastName = lastName,
        };
        if (level > 0)
            CheckChildren(reader, count, lowerBound.Span, lastName.Span, entriesBelow);
        return page;
    }

    /// <summary>Reads the next child of a page above level 0, which was checked when it was opened.</summary>
    public TreePageChild ReadChild()
    {
        var reader = Reader();
        var length = (int)reader.ReadVarint();
        var name = Bytes.Slice(reader.Position, length);
        reader.Position += length;
        var child = new TreePageChild(name, LowerBound, reader.ReadChunkId(), reader.ReadVarint());
        Position = reader.Position;
        LowerBound = name;
        Remaining--;
        return child;
    }

    /// <summary>Reads and checks the next entry of a page of level 0 or an inline list; false, with the end checked, after the last.</summary>
    public bool TryReadEntry(out EntryFields fields)
    {
        var reader = Reader();
        if (IsInline ? reader.AtEnd : Remaining == 0)
        {
            if (!reader.AtEnd)
                reader.Fail("bytes follow the last entry of a page");
            if (!LastName.IsEmpty && !LastName.Span.SequenceEqual(LowerBound.Span))
                reader.Fail("the last name differs from what the page above says");
            fields = default;
            return false;
        }
        var start = reader.Position;
        TreeEntryReader.Read(ref reader, Previous, allowNameless: false, out fields);
        var name = Bytes.Slice(fields.NameStart, fields.NameLength);
        if (name.Span.SequenceCompareTo(LowerBound.Span) <= 0)
            reader.FailAt(start, "names are not in ascending order");
        LowerBound = name;
        Position = reader.Position;
        Previous = fields.Base;
        Remaining--;
        return true;
    }

    private static void CheckChildren(PlaintextReader reader, ulong count, ReadOnlySpan<byte> lowerBound, ReadOnlySpan<byte> lastName, ulong? entriesBelow)
    {
        ulong sum = 0;
        for (var left = count; left > 0; left--)
        {
            var start = reader.Position;
            var name = reader.ReadCounted(TreeLimits.MaxNameLength, "the length of a name");
            if (TreeLimits.CheckName(name) is { } why)
                reader.FailAt(start, why);
            if (name.SequenceCompareTo(lowerBound) <= 0)
                reader.FailAt(start, "names are not in ascending order");
            lowerBound = name;
            reader.ReadBytes(ChunkId.Length);
            var below = reader.ReadVarint(long.MaxValue, "the number of entries below a page");
            if (below == 0)
                reader.FailAt(start, "a page below has no entries");
            sum += below;
            if (sum > long.MaxValue)
                reader.FailAt(start, "the number of entries does not fit 63 bits");
        }
        if (!reader.AtEnd)
            reader.Fail("bytes follow the last entry of a page");
        if (!lastName.IsEmpty && !lastName.SequenceEqual(lowerBound))
            reader.Fail("the last name differs from what the page above says");
        if (entriesBelow is { } expected && expected != sum)
            reader.Fail($"the pages below have {sum} entries where the page above says {expected}");
    }
}
