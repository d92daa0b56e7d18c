using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class ContentListWriterTests
{
    private readonly ChunkShelf _shelf = new();

    [Theory]
    [InlineData(1, typeof(ChunkList))]
    [InlineData(16, typeof(ChunkList))]
    [InlineData(17, typeof(IndirectList))]
    [InlineData(64, typeof(IndirectList))]
    [InlineData(10_000, typeof(IndirectList))]
    public async Task Items_come_back_in_order(int count, Type kind)
    {
        var items = new EntryGenerator().Items(count);
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        var content = await WriteAsync(writer, items);
        Assert.IsType(kind, content);
        Assert.Equal(items.Sum(item => item.Length), content.Length);
        Assert.Equal(items, await ReadAsync(content));
        Assert.Equal(content, await WriteAsync(writer, items));
    }

    [Fact]
    public async Task A_change_in_a_long_list_stores_few_lists()
    {
        var generator = new EntryGenerator();
        var items = generator.Items(100_000);
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        await WriteAsync(writer, items);
        var lists = _shelf.Chunks.Count;
        items.Insert(50_000, ContentItem.Data(generator.Chunk(), 1));
        await WriteAsync(writer, items);
        Assert.InRange(_shelf.Chunks.Count - lists, 2, 8);
    }

    [Fact]
    public async Task Holes_merge_and_a_file_of_holes_is_one()
    {
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        Assert.Equal(new WholeHole(5), await WriteAsync(writer, [ContentItem.Hole(2), ContentItem.Hole(3)]));
        Assert.Same(EmptyContent.Instance, await WriteAsync(writer, []));
        var data = ContentItem.Data(new EntryGenerator().Chunk(), 4);
        var list = Assert.IsType<ChunkList>(await WriteAsync(writer, [ContentItem.Hole(2), ContentItem.Hole(3), data, ContentItem.Hole(1)]));
        Assert.Equal([ContentItem.Hole(5), data, ContentItem.Hole(1)], list.Items);
    }

    [Fact]
    public async Task Lists_that_do_not_cover_the_file_are_refused()
    {
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        var content = (IndirectList)await WriteAsync(writer, new EntryGenerator().Items(500));
        foreach (var length in new[] { 1, content.Length - 1, content.Length + 1, long.MaxValue })
            await Assert.ThrowsAsync<RepositoryFormatException>(() => ReadAsync(content with { ListedLength = length }));
        await Assert.ThrowsAsync<RepositoryFormatException>(() => ReadAsync(content with { Level = content.Level + 1 }));
    }

    [Fact]
    public async Task Mutated_lists_and_root_entries_are_read_or_refused_and_never_allocate_much()
    {
        var generator = new EntryGenerator();
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        await WriteAsync(writer, generator.Items(300));
        var lists = _shelf.Chunks.Values.ToList();
        var root = RootEntry.Encode(EntryGenerator.Directory().WithDirectory(new PagedDirectory(generator.Chunk(), 2)));
        var refused = 0;
        for (var round = 0; round < 3000; round++)
        {
            var isList = round % 2 == 0;
            var bytes = (isList ? lists[generator.Random.Next(lists.Count)] : root).ToArray();
            // Lists are mostly ids, where any byte will do: their first bytes are what can be wrong.
            bytes[generator.Random.Next(Math.Min(bytes.Length, 40))] = (byte)generator.Random.Next(256);
            bytes = generator.Random.Next(4) == 0 ? bytes[..generator.Random.Next(bytes.Length)] : bytes;
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (isList)
                    Walk(bytes);
                else
                    RootEntry.Decode(bytes);
            }
            catch (RepositoryFormatException)
            {
                refused++;
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        }
        Assert.InRange(refused, 300, 2999);
    }

    private static void Walk(byte[] bytes)
    {
        var level = bytes.Length > 2 ? bytes[2] : 0;
        var page = new ListPage(bytes, default, level, long.MaxValue);
        while (page.Remaining > 0)
        {
            if (level == 0)
                page.ReadItem();
            else
                page.ReadChild();
        }
    }

    private static async Task<FileContent> WriteAsync(ContentListWriter writer, List<ContentItem> items)
    {
        foreach (var item in items)
            await writer.AddAsync(item, TestContext.Current.CancellationToken);
        return await writer.CompleteAsync(TestContext.Current.CancellationToken);
    }

    private async Task<List<ContentItem>> ReadAsync(FileContent content)
    {
        var items = new List<ContentItem>();
        await foreach (var item in _shelf.Reader().ReadContentAsync(content, TestContext.Current.CancellationToken))
            items.Add(item);
        return items;
    }
}
