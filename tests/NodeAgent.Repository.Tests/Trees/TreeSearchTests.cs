using System.Globalization;
using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class TreeSearchTests
{
    private readonly ChunkShelf _shelf = new();
    private readonly List<ChunkId> _read = [];

    [Fact]
    public async Task Random_trees_are_searched_as_a_plain_walk_finds_it_whatever_was_searched_before()
    {
        var random = SeededRandom.Create();
        foreach (var isByPath in (bool[])[false, true])
        {
            Func<ReadOnlyMemory<byte>, TreeEntry, bool> matches = isByPath
                ? (path, _) => Encoding.ASCII.GetString(path.Span).StartsWith("d1/", StringComparison.Ordinal) && path.Span.EndsWith("7"u8)
                : (_, entry) => entry.Name.Span.EndsWith("77"u8);
            var search = new TreeSearch(Reader(), matches, isByPath);
            for (var tree = 0; tree < 12; tree++)
            {
                // Directories with the same content in several places, and small changes from tree to tree.
                var content = await _shelf.WriteAsync(Files(random.Next(300, 700)), EntryGenerator.Directory("x"));
                var other = await _shelf.WriteAsync(Files(500), EntryGenerator.Directory("x"));
                var names = Enumerable.Range(0, 4).Select(i => Named($"d{i}", random.Next(2) == 0 ? content : other)).ToList();
                var root = await _shelf.WriteAsync([.. names, EntryGenerator.File("f77")], EntryGenerator.Directory());

                var expected = await AllAsync(root, "");
                Assert.Equal(expected.Where(e => matches(Encoding.ASCII.GetBytes(e.Path), e.Entry)).Select(e => e.Path), await FindAsync(search, root));
            }
        }
    }

    [Fact]
    public async Task What_trees_share_is_read_once_unless_something_was_found_in_it()
    {
        var shared = await _shelf.WriteAsync(Files(900), EntryGenerator.Directory("shared"));
        var search = new TreeSearch(Reader(), (_, entry) => entry.Name.Span.SequenceEqual("wanted"u8), isByPath: false);
        var pages = 0;
        for (var tree = 0; tree < 5; tree++)
        {
            // One page of a large directory is another one in each tree.
            var files = Files(900).ToList();
            files[450] = EntryGenerator.File("00450", seconds: tree);
            var large = await _shelf.WriteAsync(files, EntryGenerator.Directory("large"));
            var root = await _shelf.WriteAsync([large, shared, EntryGenerator.File("wanted")], EntryGenerator.Directory());
            _read.Clear();

            Assert.Equal(["wanted"], await FindAsync(search, root));

            var level = Assert.IsType<PagedDirectory>(large.Directory).Level;
            if (tree == 0) pages = _read.Count;
            else Assert.InRange(_read.Count, 1, 2 * (level + 2));
        }

        Assert.True(pages > 30, $"{pages} pages");
    }

    private static IEnumerable<TreeEntry> Files(int count) => Enumerable.Range(0, count).Select(i => EntryGenerator.File(i.ToString("D5", CultureInfo.InvariantCulture), inode: (ulong)i));

    private static TreeEntry Named(string name, TreeEntry directory) => EntryGenerator.Directory(name).WithDirectory(directory.Directory!);

    private TreeReader Reader() => new((kind, id, max, token) => { _read.Add(id); return _shelf.ReadAsync(kind, id, max, token); }, ChunkShelf.SmallPages);

    private static async Task<List<string>> FindAsync(TreeSearch search, TreeEntry root)
    {
        var found = new List<string>();
        await foreach (var (path, _) in search.FindAsync(root, TestContext.Current.CancellationToken)) found.Add(Encoding.ASCII.GetString(path));
        return found;
    }

    private async Task<List<(string Path, TreeEntry Entry)>> AllAsync(TreeEntry directory, string path)
    {
        var all = new List<(string, TreeEntry)>();
        foreach (var entry in await _shelf.ListAsync(directory))
        {
            var at = path + Encoding.ASCII.GetString(entry.Name.Span);
            all.Add((at, entry));
            if (entry.Directory is not null) all.AddRange(await AllAsync(entry, at + "/"));
        }

        return all;
    }
}
