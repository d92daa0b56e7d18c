using System.Globalization;
using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class TreeReaderTests
{
    private readonly ChunkShelf _shelf = new();

    [Fact]
    public async Task Find_reads_one_page_a_level_and_finds_every_name()
    {
        var entries = Enumerable.Range(0, 2000).Select(i => EntryGenerator.File((2 * i).ToString("D5", CultureInfo.InvariantCulture), inode: (ulong)i)).ToList();
        var directory = await _shelf.WriteAsync(entries, EntryGenerator.Directory());
        var level = Assert.IsType<PagedDirectory>(directory.Directory).Level;
        Assert.True(level >= 2, $"level {level}");
        var reads = 0;
        for (var i = 0; i < 4002; i += 7)
        {
            reads = 0;
            var reader = new TreeReader((kind, id, max, token) => { reads++; return _shelf.ReadAsync(kind, id, max, token); }, ChunkShelf.SmallPages);
            var found = await reader.FindAsync(directory, Encoding.ASCII.GetBytes(i.ToString("D5", CultureInfo.InvariantCulture)), TestContext.Current.CancellationToken);
            Assert.Equal(i % 2 == 0 && i < 4000 ? (ulong?)i / 2 : null, found?.Inode);
            Assert.InRange(reads, 1, level + 1);
        }
    }

    [Fact]
    public async Task A_cursor_seeks_forward_in_lock_step()
    {
        var entries = new EntryGenerator().Entries(600);
        var directory = await _shelf.WriteAsync(entries, EntryGenerator.Directory());
        foreach (var step in new[] { 1, 2, 17, 250 })
        {
            var cursor = _shelf.Reader().OpenCursor(directory);
            for (var i = 0; i < entries.Count; i += step)
            {
                Assert.True(await cursor.SeekAsync(entries[i].Name, TestContext.Current.CancellationToken));
                Assert.True(await cursor.SeekAsync(entries[i].Name, TestContext.Current.CancellationToken));
                DirectoryWriterTests.AssertSame(entries[i], cursor.ToEntry());
                if (i % 3 == 0 && i + 1 < entries.Count)
                {
                    Assert.True(await cursor.MoveNextAsync(TestContext.Current.CancellationToken));
                    Assert.True(cursor.Name.SequenceEqual(entries[i + 1].Name.Span));
                }
            }
            Assert.False(await cursor.SeekAsync(Enumerable.Repeat((byte)0xFF, 255).ToArray(), TestContext.Current.CancellationToken));
            Assert.False(cursor.HasCurrent);
            Assert.False(await cursor.MoveNextAsync(TestContext.Current.CancellationToken));
        }
    }

    [Theory]
    [InlineData("2e", "\".\"")]
    [InlineData("2e2e", "\"..\"")]
    [InlineData("612f62", "slash")]
    [InlineData("610062", "NUL")]
    [InlineData("", "empty")]
    public async Task A_hostile_name_is_refused(string name, string why)
    {
        var bytes = Convert.FromHexString(name);
        var exception = await RefusedAsync(Page(Entry(bytes)));
        Assert.Contains(why, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("tree chunk ", exception.ObjectKey, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hostile_pages_are_refused()
    {
        await RefusedAsync(Page(Entry("a"u8), Entry("a"u8)));
        await RefusedAsync(Page(Entry("b"u8), Entry("a"u8)));
        await RefusedAsync([]);
        await RefusedAsync("X\u0001\0\0\u0001"u8.ToArray());
        await RefusedAsync([(byte)'T', 2, 0, 0, 1, .. Entry("a"u8)]);
        await RefusedAsync([(byte)'T', 1, 1, 0, 1, .. Entry("a"u8)]);
        await RefusedAsync([(byte)'T', 1, 0, 1, 1, .. Entry("a"u8)]);
        await RefusedAsync([(byte)'T', 1, 0, 0, 0]);
        await RefusedAsync([(byte)'T', 1, 0, 0, 1, .. Entry("a"u8), 0]);
        await RefusedAsync([(byte)'T', 1, 0, 0, 2, .. Entry("a"u8)]);
        // A count of 2^60, and an entry length of 2^60.
        await RefusedAsync([(byte)'T', 1, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, .. Entry("a"u8)]);
        await RefusedAsync([(byte)'T', 1, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
        // A padded varint.
        await RefusedAsync([(byte)'T', 1, 0, 0, 0x81, 0x00, .. Entry("a"u8)]);
    }

    [Fact]
    public async Task A_page_that_names_itself_is_refused()
    {
        var self = new ChunkId(Enumerable.Repeat((byte)9, 32).ToArray());
        byte[] child = [1, (byte)'a', .. Enumerable.Repeat((byte)9, 32), 1];
        _shelf.Chunks[self] = [(byte)'T', 1, 1, 0, 1, .. child];
        var directory = EntryGenerator.Directory().WithDirectory(new PagedDirectory(self, 1));
        var exception = await Assert.ThrowsAsync<RepositoryFormatException>(() => _shelf.ListAsync(directory));
        Assert.Contains("level 1 where one of level 0", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_above_that_lies_about_its_children_is_refused()
    {
        var leaf = await _shelf.StoreAsync(ChunkKind.Tree, Page(Entry("b"u8)), TestContext.Current.CancellationToken);
        var id = new byte[32];
        leaf.CopyTo(id);
        async Task<List<TreeEntry>> ListAsync(params byte[] children)
        {
            var root = await _shelf.StoreAsync(ChunkKind.Tree, (byte[])[(byte)'T', 1, 1, 0, .. children], TestContext.Current.CancellationToken);
            return await _shelf.ListAsync(EntryGenerator.Directory().WithDirectory(new PagedDirectory(root, 1)));
        }

        Assert.Single(await ListAsync([1, 1, (byte)'b', .. id, 1]));
        await Assert.ThrowsAsync<RepositoryFormatException>(() => ListAsync([1, 1, (byte)'b', .. id, 2]));
        await Assert.ThrowsAsync<RepositoryFormatException>(() => ListAsync([1, 1, (byte)'c', .. id, 1]));
        await Assert.ThrowsAsync<RepositoryFormatException>(() => ListAsync([2, 1, (byte)'b', .. id, 1, 1, (byte)'b', .. id, 1]));
        await Assert.ThrowsAsync<RepositoryFormatException>(() => ListAsync([2, 1, (byte)'b', .. id, 1, 1, (byte)'c', .. id, 1]));
    }

    [Fact]
    public async Task Mutated_pages_are_read_or_refused_and_never_allocate_much()
    {
        var generator = new EntryGenerator();
        await _shelf.WriteAsync(generator.Entries(200), EntryGenerator.Directory());
        var pages = _shelf.Chunks.Values.Where(page => page.Length < 64 << 10).ToList();
        var refused = 0;
        for (var round = 0; round < 3000; round++)
        {
            var page = pages[generator.Random.Next(pages.Count)].ToArray();
            for (var flips = generator.Random.Next(1, 4); flips > 0; flips--)
                page[generator.Random.Next(page.Length)] = (byte)generator.Random.Next(256);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Walk(page);
            }
            catch (RepositoryFormatException)
            {
                refused++;
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (64 << 10) + (20L * page.Length));
        }
        Assert.True(refused > 300, $"{refused} refused");
    }

    private static void Walk(byte[] page)
    {
        var reader = new PlaintextReader(page, PlaintextOrigin.SnapshotRoot);
        reader.ReadBytes(4);
        reader.ReadVarint();
        var entries = new TreeEntryReader(reader, default);
        while (entries.MoveNext())
            TreeEntryReader.ToEntry(entries.Current, page, PlaintextOrigin.SnapshotRoot, 0);
    }

    private async Task<RepositoryFormatException> RefusedAsync(byte[] page)
    {
        var id = await _shelf.StoreAsync(ChunkKind.Tree, page, TestContext.Current.CancellationToken);
        return await Assert.ThrowsAsync<RepositoryFormatException>(() => _shelf.ListAsync(EntryGenerator.Directory().WithDirectory(new PagedDirectory(id, 0))));
    }

    private static byte[] Page(params byte[][] entries) => [(byte)'T', 1, 0, 0, (byte)entries.Length, .. entries.SelectMany(entry => entry)];

    // A fifo with nothing but zeros besides its name.
    private static byte[] Entry(ReadOnlySpan<byte> name) => [(byte)(11 + name.Length), 6, 0, (byte)name.Length, .. name, 0, 0, 0, 0, 0, 0, 0, 0];
}
