using System.Globalization;
using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class TreeWalkTests
{
    private readonly ChunkShelf _shelf = new();
    private readonly EntryGenerator _generator = new();

    [Fact]
    public async Task Every_chunk_is_given_and_what_is_shared_is_walked_once()
    {
        var (root, data) = await BuildAsync();
        var walk = new TreeWalk(_shelf.Reader());
        var references = await ReferencesAsync(walk, root);
        Assert.Equal(_shelf.Chunks.Keys.Order(), references.Where(reference => reference.Kind != ChunkKind.Data).Select(reference => reference.Id).Distinct().Order());
        Assert.Equal(data.Order(), references.Where(reference => reference.Kind == ChunkKind.Data).Select(reference => reference.Id).Distinct().Order());
        Assert.Single(await ReferencesAsync(walk, root));
    }

    [Fact]
    public async Task Damage_is_reported_and_the_rest_is_walked()
    {
        var (root, _) = await BuildAsync();
        var all = (await ReferencesAsync(new TreeWalk(_shelf.Reader()), root)).Count;
        var leaf = _shelf.Chunks.First(chunk => chunk.Value[0] == (byte)'T' && chunk.Value[2] == 0).Key;
        _shelf.Chunks[leaf] = [1, 2, 3];
        var damaged = new List<ChunkId>();
        var left = await ReferencesAsync(new TreeWalk(_shelf.Reader()), root, damaged);
        Assert.Equal([leaf], damaged);
        Assert.InRange(left.Count, all / 2, all - 1);
    }

    [Fact]
    public async Task The_files_that_use_a_chunk_are_named_in_every_snapshot()
    {
        var (root, data) = await BuildAsync();
        var walk = new TreeWalk(_shelf.Reader());
        var wanted = new HashSet<ChunkId> { data[123], data[^1] };
        for (var snapshot = 0; snapshot < 2; snapshot++)
        {
            var paths = await AffectedAsync(walk, root, wanted);
            Assert.Equal(["big", "sub/deep/f0123"], paths.Order(StringComparer.Ordinal));
        }
        var page = ((PagedDirectory)(await _shelf.Reader().FindPathAsync(root, "sub/deep"u8.ToArray(), TestContext.Current.CancellationToken))!.Directory!).Root;
        Assert.Equal(["sub/deep"], await AffectedAsync(new TreeWalk(_shelf.Reader()), root, new HashSet<ChunkId> { page }));
    }

    private async Task<(TreeEntry Root, List<ChunkId> Data)> BuildAsync()
    {
        var data = Enumerable.Range(0, 800).Select(_ => _generator.Chunk()).ToList();
        var files = Enumerable.Range(0, 500).Select(i => FileOf("f" + i.ToString("D4", CultureInfo.InvariantCulture), new ChunkList([ContentItem.Data(data[i], 5)])));
        var deep = await _shelf.WriteAsync(files, EntryGenerator.Directory("deep"));
        var sub = await _shelf.WriteAsync([deep], EntryGenerator.Directory("sub"));
        Assert.IsType<InlineDirectory>(sub.Directory);
        using var writer = new ContentListWriter(_shelf.StoreAsync);
        foreach (var id in data.Skip(500))
            await writer.AddAsync(ContentItem.Data(id, 9), TestContext.Current.CancellationToken);
        var big = FileOf("big", await writer.CompleteAsync(TestContext.Current.CancellationToken));
        var root = await _shelf.WriteAsync([big, sub], EntryGenerator.Directory(), ChunkShelf.SmallPages with { InlineDirectoryLimit = 0 });
        return (root, data);
    }

    private static TreeEntry FileOf(string name, FileContent content) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = Encoding.ASCII.GetBytes(name),
        Mode = 0,
        Size = content.Length,
        Content = content,
    };

    private static async Task<List<ChunkReference>> ReferencesAsync(TreeWalk walk, TreeEntry root, List<ChunkId>? damaged = null)
    {
        var references = new List<ChunkReference>();
        await foreach (var reference in walk.ReferencesAsync(root, (at, error) => (damaged ?? throw error).Add(at.Id), TestContext.Current.CancellationToken))
            references.Add(reference);
        return references;
    }

    private static async Task<List<string>> AffectedAsync(TreeWalk walk, TreeEntry root, HashSet<ChunkId> chunks)
    {
        var paths = new List<string>();
        await foreach (var path in walk.AffectedPathsAsync(root, chunks, TestContext.Current.CancellationToken))
            paths.Add(Encoding.ASCII.GetString(path.Path.Span));
        return paths;
    }
}
