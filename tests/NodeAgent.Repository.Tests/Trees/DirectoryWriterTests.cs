using System.Globalization;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class DirectoryWriterTests
{
    private readonly ChunkShelf _shelf = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(700)]
    public async Task Entries_of_every_kind_come_back_as_they_were(int count)
    {
        var entries = new EntryGenerator().Entries(count);
        var directory = await _shelf.WriteAsync(entries, EntryGenerator.Directory());
        var read = await _shelf.ListAsync(directory);
        Assert.Equal(entries.Count, read.Count);
        for (var i = 0; i < count; i++)
            AssertSame(entries[i], read[i]);
        Assert.All(_shelf.Chunks.Values, page => Assert.True(page.Length <= TreeLimits.MaxTreeChunk));
    }

    [Fact]
    public async Task Small_directories_are_inline_and_nest()
    {
        var carrier = EntryGenerator.Directory();
        for (var depth = 0; depth < 4; depth++)
            carrier = Named(await _shelf.WriteAsync([Named(carrier.Directory is null ? carrier.WithDirectory(EmptyDirectory.Instance) : carrier, "sub")], EntryGenerator.Directory()), "");
        Assert.IsType<InlineDirectory>(carrier.Directory);
        Assert.Empty(_shelf.Chunks);
        var decoded = RootEntry.Decode(RootEntry.Encode(carrier));
        var found = await _shelf.Reader().FindPathAsync(decoded, "sub/sub//./sub/sub"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal(ulong.MaxValue, found!.Inode);
        Assert.IsType<EmptyDirectory>(found.Directory);
    }

    [Fact]
    public async Task A_directory_is_inline_exactly_up_to_the_limit()
    {
        var entries = Enumerable.Range(0, 5).Select(i => EntryGenerator.File("f" + i)).ToList();
        var length = ((InlineDirectory)(await _shelf.WriteAsync(entries, EntryGenerator.Directory())).Directory!).Entries.Length;
        var at = await _shelf.WriteAsync(entries, EntryGenerator.Directory(), ChunkShelf.SmallPages with { InlineDirectoryLimit = length });
        var below = await _shelf.WriteAsync(entries, EntryGenerator.Directory(), ChunkShelf.SmallPages with { InlineDirectoryLimit = length - 1 });
        Assert.IsType<InlineDirectory>(at.Directory);
        Assert.IsType<PagedDirectory>(below.Directory);
        Assert.Equal(5, (await _shelf.ListAsync(below)).Count);
        await Assert.ThrowsAsync<RepositoryFormatException>(() => _shelf.ListAsync(at, ChunkShelf.SmallPages with { InlineDirectoryLimit = length - 1 }));
    }

    [Fact]
    public async Task Equal_entries_give_equal_pages_and_one_changed_entry_changes_few()
    {
        var entries = Enumerable.Range(0, 100_000).Select(i => EntryGenerator.File(i.ToString("D7", CultureInfo.InvariantCulture), inode: (ulong)i)).ToList();
        var first = await _shelf.WriteAsync(entries, EntryGenerator.Directory(), TreeParameters.Default);
        var pages = _shelf.Chunks.Count;
        Assert.True(pages > 20, $"{pages} pages");
        Assert.All(_shelf.Chunks.Values, page => Assert.InRange(page.Length, 1, TreeParameters.Default.MaxPage + 64));

        var again = await _shelf.WriteAsync(entries, EntryGenerator.Directory(), TreeParameters.Default);
        Assert.Equal(first.Directory, again.Directory);
        Assert.Equal(pages, _shelf.Chunks.Count);

        entries[50_000] = EntryGenerator.File(50_000.ToString("D7", CultureInfo.InvariantCulture), seconds: 1_800_000_000);
        await _shelf.WriteAsync(entries, EntryGenerator.Directory(), TreeParameters.Default);
        Assert.InRange(_shelf.Chunks.Count - pages, 2, 4);

        pages = _shelf.Chunks.Count;
        entries.RemoveAt(20_000);
        await _shelf.WriteAsync(entries, EntryGenerator.Directory(), TreeParameters.Default);
        Assert.InRange(_shelf.Chunks.Count - pages, 2, 8);
    }

    [Fact]
    public async Task Names_are_checked_and_must_ascend()
    {
        using var writer = _shelf.Writer();
        await writer.AddAsync(EntryGenerator.File("b"), TestContext.Current.CancellationToken);
        foreach (var name in new[] { "", ".", "..", "b", "a", "x/y", "x\0y", new string('x', 256) })
            await Assert.ThrowsAsync<ArgumentException>(async () => await writer.AddAsync(EntryGenerator.File(name), TestContext.Current.CancellationToken));
        await writer.AddAsync(EntryGenerator.File("c"), TestContext.Current.CancellationToken);
        Assert.Equal(2, writer.Count);
    }

    [Fact]
    public async Task A_page_is_these_bytes()
    {
        var parameters = ChunkShelf.SmallPages with { InlineDirectoryLimit = 0 };
        await _shelf.WriteAsync([EntryGenerator.File("a"), EntryGenerator.File("b", inode: 9)], EntryGenerator.Directory(), parameters);
        var page = Assert.Single(_shelf.Chunks.Values);
        // 'T', version, level, zero, count 2; then length, type, flags, name, mode 0644, owner deltas, times, inode, size, inline content.
        Assert.Equal(
            "5401000002" + "1b" + "0100" + "0161" + "a403" + "d00f" + "d00f" + "80c49fd50c" + "05" + "80c49fd50c" + "06" + "0e" + "02" + "01" + "6869"
            + "11" + "0100" + "0162" + "a403" + "00" + "00" + "00" + "05" + "00" + "06" + "04" + "02" + "01" + "6869",
            Convert.ToHexStringLower(page));
    }

    internal static void AssertSame(TreeEntry expected, TreeEntry actual)
    {
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Name.ToArray(), actual.Name.ToArray());
        Assert.Equal(expected.Mode, actual.Mode);
        Assert.Equal((expected.UserId, expected.GroupId, expected.Inode), (actual.UserId, actual.GroupId, actual.Inode));
        Assert.Equal((expected.Modified, expected.Changed, expected.Birth), (actual.Modified, actual.Changed, actual.Birth));
        Assert.Equal((expected.HardLinkDevice, expected.InodeFlags, expected.Size), (actual.HardLinkDevice, actual.InodeFlags, actual.Size));
        Assert.Equal((expected.ChangedWhileRead, expected.UnreadableContent), (actual.ChangedWhileRead, actual.UnreadableContent));
        Assert.Equal(expected.Content, actual.Content);
        Assert.Equal(expected.Directory, actual.Directory);
        Assert.Equal(expected.LinkTarget.ToArray(), actual.LinkTarget.ToArray());
        Assert.Equal((expected.DeviceMajor, expected.DeviceMinor), (actual.DeviceMajor, actual.DeviceMinor));
        var attributes = expected.ExtendedAttributes.OrderBy(a => Convert.ToHexString(a.Name.Span), StringComparer.Ordinal).ToList();
        Assert.Equal(attributes.Count, actual.ExtendedAttributes.Count);
        for (var i = 0; i < attributes.Count; i++)
        {
            Assert.Equal(attributes[i].Name.ToArray(), actual.ExtendedAttributes[i].Name.ToArray());
            Assert.Equal(attributes[i].Value.ToArray(), actual.ExtendedAttributes[i].Value.ToArray());
            Assert.Equal((attributes[i].Chunk, attributes[i].Length), (actual.ExtendedAttributes[i].Chunk, actual.ExtendedAttributes[i].Length));
        }
    }

    private static TreeEntry Named(TreeEntry directory, string name)
    {
        var named = EntryGenerator.Directory(name);
        return named.WithDirectory(directory.Directory!);
    }
}
