using System.Globalization;
using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

public sealed class TreeDiffTests
{
    private readonly ChunkShelf _shelf = new();
    private readonly HashSet<ChunkId> _read = [];

    [Fact]
    public async Task Random_changes_are_found_as_a_comparison_of_plain_lists_finds_them()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < 60; round++)
        {
            var before = Enumerable.Range(0, random.Next(0, 900)).Select(i => EntryGenerator.File(Name(i), inode: (ulong)i)).ToList();
            var after = Change(before, random);
            var limits = random.Next(2) == 0 ? ChunkShelf.SmallPages : ChunkShelf.SmallPages with { InlineDirectoryLimit = 0 };

            var found = await CompareAsync(await WriteAsync(before, limits), await WriteAsync(after, limits));

            Assert.Equal(Expected(before, after), found);
        }
    }

    [Fact]
    public async Task Pages_that_both_have_are_not_read()
    {
        var before = Enumerable.Range(0, 4000).Select(i => EntryGenerator.File(Name(2 * i), inode: (ulong)i)).ToList();
        var after = before.ToList();
        after[1000] = EntryGenerator.File(Name(2000), seconds: 5);
        after.Insert(3000, EntryGenerator.File(Name(5999)));
        after.RemoveAt(3500);
        var (one, other) = (await WriteAsync(before), await WriteAsync(after));
        var level = Assert.IsType<PagedDirectory>(one.Directory).Level;
        Assert.True(level >= 2, $"level {level}");

        var found = await CompareAsync(one, other);

        Assert.Equal(["Metadata 002000", "Added 005999", $"Removed {Name(6998)}"], found);
        // Three places, in two trees; an entry that moves the end of a page makes the page after it another one too.
        Assert.InRange(_read.Count, 3, 3 * 2 * 2 * (level + 1));
        Assert.InRange(_read.Count, 1, _shelf.Chunks.Count / 4);
    }

    [Fact]
    public async Task Directories_that_both_have_are_not_entered_and_one_that_only_one_has_is_listed_whole()
    {
        var large = Enumerable.Range(0, 800).Select(i => EntryGenerator.File(Name(i))).ToList();
        var shared = await _shelf.WriteAsync(large, EntryGenerator.Directory("shared"));
        var gone = await _shelf.WriteAsync([EntryGenerator.File("x"), await _shelf.WriteAsync([EntryGenerator.File("z")], EntryGenerator.Directory("y"))], EntryGenerator.Directory("gone"));
        var replaced = await _shelf.WriteAsync([EntryGenerator.File("inner")], EntryGenerator.Directory("thing"));
        var one = await WriteAsync([gone, shared, replaced]);
        var other = await WriteAsync([shared, EntryGenerator.File("thing")]);

        var found = await CompareAsync(one, other);

        Assert.Equal(["Removed gone", "Removed gone/x", "Removed gone/y", "Removed gone/y/z", "Type thing", "Removed thing/inner"], found);
        Assert.DoesNotContain(((PagedDirectory)shared.Directory!).Root, _read);
        Assert.Empty(await CompareAsync(one, one));
    }

    [Fact]
    public async Task A_small_file_in_another_bundle_is_the_same_file_and_other_bytes_of_the_same_length_are_not()
    {
        var first = await _shelf.StoreAsync(ChunkKind.Data, "..same...."u8.ToArray(), TestContext.Current.CancellationToken);
        var second = await _shelf.StoreAsync(ChunkKind.Data, "same"u8.ToArray(), TestContext.Current.CancellationToken);
        var third = await _shelf.StoreAsync(ChunkKind.Data, "some"u8.ToArray(), TestContext.Current.CancellationToken);
        var one = await WriteAsync([With("a", new BundleSlice(first, 2, 4)), With("b", new BundleSlice(first, 2, 4)), With("c", new InlineContent("same"u8.ToArray()))]);
        var other = await WriteAsync([With("a", new BundleSlice(second, 0, 4)), With("b", new BundleSlice(third, 0, 4)), With("c", new BundleSlice(second, 0, 4))]);

        Assert.Equal(["Content b"], await CompareAsync(one, other));

        var beyond = await WriteAsync([With("a", new BundleSlice(second, 1, 4))]);
        await Assert.ThrowsAsync<RepositoryFormatException>(() => CompareAsync(one, beyond));
    }

    [Fact]
    public async Task An_inline_directory_with_equal_bytes_below_another_owner_differs()
    {
        // Its entries are written relative to the directory that carries them: equal bytes then mean other owners.
        TreeEntry Owned(uint owner, string name) => new() { Type = TreeEntryType.RegularFile, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1a4, UserId = owner, Content = EmptyContent.Instance };
        TreeEntry Carrier(uint owner) => new() { Type = TreeEntryType.Directory, Name = "d"u8.ToArray(), Mode = 0x1ed, UserId = owner };
        var one = await _shelf.WriteAsync([Owned(10, "f")], Carrier(10));
        var other = await _shelf.WriteAsync([Owned(20, "f")], Carrier(20));
        Assert.Equal(one.Directory, other.Directory);

        Assert.Equal(["Metadata d", "Metadata d/f"], await CompareAsync(await WriteAsync([one]), await WriteAsync([other])));
    }

    [Fact]
    public async Task A_damaged_page_ends_the_comparison_with_its_name()
    {
        var one = await WriteAsync([.. Enumerable.Range(0, 500).Select(i => EntryGenerator.File(Name(i)))]);
        var other = await WriteAsync([.. Enumerable.Range(250, 500).Select(i => EntryGenerator.File(Name(i)))]);
        _shelf.Chunks[((PagedDirectory)other.Directory!).Root] = [1, 2, 3];

        var exception = await Assert.ThrowsAsync<RepositoryFormatException>(() => CompareAsync(one, other));

        Assert.StartsWith("tree chunk ", exception.ObjectKey, StringComparison.Ordinal);
    }

    private static string Name(int i) => i.ToString("D6", CultureInfo.InvariantCulture);

    private static TreeEntry With(string name, FileContent content) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = Encoding.ASCII.GetBytes(name),
        Mode = 0x1a4,
        Size = content.Length,
        Content = content,
    };

    private static List<TreeEntry> Change(List<TreeEntry> before, Random random)
    {
        var after = before.ToList();
        for (var change = random.Next(6); change > 0 && after.Count > 0; change--)
        {
            var at = random.Next(after.Count);
            switch (random.Next(4))
            {
                case 0:
                    after.RemoveRange(at, Math.Min(random.Next(200), after.Count - at));
                    break;
                case 1:
                    var name = Encoding.ASCII.GetString(after[at].Name.Span);
                    after.InsertRange(at + 1, Enumerable.Range(0, random.Next(100)).Select(i => EntryGenerator.File($"{name}+{i:D3}")));
                    break;
                default:
                    after[at] = EntryGenerator.File(Encoding.ASCII.GetString(after[at].Name.Span), random.Next());
                    break;
            }
        }

        return [.. after.DistinctBy(entry => Encoding.ASCII.GetString(entry.Name.Span)).OrderBy(entry => Encoding.ASCII.GetString(entry.Name.Span), StringComparer.Ordinal)];
    }

    private static List<string> Expected(List<TreeEntry> before, List<TreeEntry> after)
    {
        var one = before.ToDictionary(entry => Encoding.ASCII.GetString(entry.Name.Span));
        var other = after.ToDictionary(entry => Encoding.ASCII.GetString(entry.Name.Span));
        return
        [
            .. one.Keys.Union(other.Keys).Order(StringComparer.Ordinal).Select(name => !other.ContainsKey(name) ? $"Removed {name}"
                : !one.TryGetValue(name, out var was) ? $"Added {name}"
                : was.Modified != other[name].Modified ? $"Metadata {name}" : "").Where(line => line.Length > 0),
        ];
    }

    private Task<TreeEntry> WriteAsync(IEnumerable<TreeEntry> entries, TreeParameters? limits = null) => _shelf.WriteAsync(entries, EntryGenerator.Directory(), limits);

    private async Task<List<string>> CompareAsync(TreeEntry before, TreeEntry after)
    {
        _read.Clear();
        ChunkSource source = (kind, id, max, token) =>
        {
            if (kind == ChunkKind.Tree) _read.Add(id);
            return _shelf.ReadAsync(kind, id, max, token);
        };
        var found = new List<string>();
        await foreach (var difference in new TreeDiff(new TreeReader(source, ChunkShelf.SmallPages), source).CompareAsync(before, after, default, TestContext.Current.CancellationToken))
            found.Add($"{difference.Changes} {Encoding.ASCII.GetString(difference.Path.Span)}");
        return found;
    }
}
