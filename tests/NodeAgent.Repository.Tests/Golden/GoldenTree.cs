using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>
/// Writes the tree of the golden repository by the engine's parts, and notes what each entry is from what it was made of, not
/// from what was stored.
/// </summary>
internal sealed class GoldenTree(ChunkRepository repository, WriteSession session, CancellationToken cancellationToken)
{
    private const long FirstSecond = 1_767_000_000;
    private ulong _inode = 100;

    /// <summary>One line for each entry: see <see cref="GoldenListing"/>.</summary>
    public List<string> Lines { get; } = [];

    public static byte[] Random(string seed, int length)
    {
        var bytes = new byte[length];
        Blake3.Hash(Encoding.UTF8.GetBytes("golden " + seed), bytes);
        return bytes;
    }

    /// <summary>Writes the tree and returns its root. The second version differs in a few files.</summary>
    public async Task<TreeEntry> WriteAsync(int version)
    {
        var bundle = Random("bundle", 1500);
        var bundleId = (await session.StoreAsync(ChunkKind.Data, bundle, cancellationToken)).Id;
        var (listed, lists) = await ManyItemsAsync();
        var chunks = Random($"chunks {version}", 9000);
        var attribute = Random("attribute", 700);
        var attributeId = (await session.StoreAsync(ChunkKind.Data, attribute, cancellationToken)).Id;

        return await DirectoryAsync("", "",
        [
            path => OtherAsync(path, "block", TreeEntryType.BlockDevice, major: 8, minor: 1),
            path => FileAsync(path, "bundled 1", bundle[..600], new BundleSlice(bundleId, 0, 600)),
            path => FileAsync(path, "bundled 2", bundle[600..1500], new BundleSlice(bundleId, 600, 900)),
            path => FileAsync(path, "caf\u00e9", "a name that is not UTF-8"u8.ToArray(), null),
            path => OtherAsync(path, "character", TreeEntryType.CharacterDevice, major: 1, minor: 3),
            path => ChunkedAsync(path, "chunks", chunks),
            path => FileAsync(path, "empty", [], EmptyContent.Instance),
            path => OtherAsync(path, "fifo", TreeEntryType.Fifo),
            path => FileAsync(path, "hole", new byte[100_000], new WholeHole(100_000)),
            path => FileAsync(path, "inline", Encoding.UTF8.GetBytes($"version {version}\n"), null),
            path => OtherAsync(path, "link", TreeEntryType.SymbolicLink, target: "nested/here"),
            path => FileAsync(path, "linked 1", "two names"u8.ToArray(), null, linkedTo: 77),
            path => FileAsync(path, "linked 2", "two names"u8.ToArray(), null, linkedTo: 77),
            path => FileAsync(path, "lists", listed, lists),
            path => DirectoryAsync(path, "nested",
            [
                below => FileAsync(below, "here", "deep"u8.ToArray(), null),
                below => DirectoryAsync(below, "nothing", []),
            ]),
            path => DirectoryAsync(path, "pages", [.. Enumerable.Range(0, 300).Select(i => (Func<string, Task<TreeEntry>>)(below =>
                FileAsync(below, $"entry {i:d3}", i % 3 == 0 ? Encoding.ASCII.GetBytes($"{i * version}") : [], null)))]),
            path => OtherAsync(path, "socket", TreeEntryType.Socket),
            path => FileAsync(path, "unreadable", new byte[10], EmptyContent.Instance, isUnreadable: true),
            path => FileAsync(path, "with attributes", "x"u8.ToArray(), null, attributes:
            [
                (new ExtendedAttribute("user.large"u8.ToArray(), attributeId, attribute.Length), attribute),
                (new ExtendedAttribute("user.small"u8.ToArray(), "value"u8.ToArray()), "value"u8.ToArray()),
            ]),
        ]);
    }

    private async Task<TreeEntry> ChunkedAsync(string path, string name, byte[] content)
    {
        var chunker = new FastCdc(repository.Gear, repository.Config.Parameters.Chunker);
        using var list = new ContentListWriter(StoreAsync);
        for (var at = 0; at < content.Length;)
        {
            var length = chunker.FindCut(content.AsSpan(at), isLast: true);
            var stored = await session.StoreAsync(ChunkKind.Data, content.AsMemory(at, length), cancellationToken);
            await list.AddAsync(ContentItem.Data(stored.Id, length), cancellationToken);
            at += length;
        }

        return await FileAsync(path, name, content, await list.CompleteAsync(cancellationToken));
    }

    /// <summary>So many items, with ids among them after which a list ends, that there are lists of lists.</summary>
    private async Task<(byte[] Content, FileContent Lists)> ManyItemsAsync()
    {
        var ending = Enumerable.Range(0, int.MaxValue).Select(i => Random($"item {i}", 20))
            .First(bytes => (repository.ComputeId(ChunkKind.Data, bytes).Prefix & 0xFF) == 0);
        var others = Enumerable.Range(0, 5).Select(i => Random($"other {i}", 20)).ToArray();
        using var list = new ContentListWriter(StoreAsync);
        var content = new MemoryStream();
        for (var i = 0; i < 200; i++)
        {
            var bytes = i % 40 == 39 ? ending : others[i % 5];
            await list.AddAsync(ContentItem.Data((await session.StoreAsync(ChunkKind.Data, bytes, cancellationToken)).Id, bytes.Length), cancellationToken);
            content.Write(bytes);
            if (i % 2 == 0) continue;
            await list.AddAsync(ContentItem.Hole(30), cancellationToken);
            content.Write(new byte[30]);
        }

        var lists = await list.CompleteAsync(cancellationToken);
        Assert.Equal(1, Assert.IsType<IndirectList>(lists).Level);
        return (content.ToArray(), lists);
    }

    private async Task<TreeEntry> DirectoryAsync(string path, string name, IReadOnlyList<Func<string, Task<TreeEntry>>> children)
    {
        var inode = _inode++;
        var carrier = Entry(TreeEntryType.Directory, name, 0b111_101_101, inode, directory: EmptyDirectory.Instance);
        var here = GoldenListing.Join(path, carrier.Name.Span);
        Lines.Add(GoldenListing.Line(carrier, here, "-", []));
        using var writer = new DirectoryWriter(StoreAsync, repository.Config.Parameters.Trees, repository.Gear);
        foreach (var child in children) await writer.AddAsync(await child(here), cancellationToken);
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, cancellationToken));
    }

    private Task<TreeEntry> FileAsync(
        string path, string name, byte[] content, FileContent? stored, ulong? linkedTo = null, bool isUnreadable = false,
        IReadOnlyList<(ExtendedAttribute Attribute, byte[] Value)>? attributes = null)
    {
        var entry = Entry(
            TreeEntryType.RegularFile, name, 0b110_100_100, linkedTo ?? _inode++, linkedTo is null ? null : 0ul,
            stored ?? (content.Length == 0 ? EmptyContent.Instance : new InlineContent(content)), content.Length, isUnreadable,
            attributes: [.. (attributes ?? []).Select(a => a.Attribute)]);
        Lines.Add(GoldenListing.Line(
            entry, GoldenListing.Join(path, entry.Name.Span), isUnreadable ? "-" : Convert.ToHexStringLower(SHA256.HashData(content)),
            (attributes ?? []).Select(a => (a.Attribute.Name, a.Value))));
        return Task.FromResult(entry);
    }

    private Task<TreeEntry> OtherAsync(string path, string name, TreeEntryType type, string? target = null, uint major = 0, uint minor = 0)
    {
        var entry = Entry(type, name, 0b110_110_110, _inode++, target: target, major: major, minor: minor);
        var detail = target ?? (type is TreeEntryType.BlockDevice or TreeEntryType.CharacterDevice ? $"{major}:{minor}" : "-");
        Lines.Add(GoldenListing.Line(entry, GoldenListing.Join(path, entry.Name.Span), detail, []));
        return Task.FromResult(entry);
    }

    private static TreeEntry Entry(
        TreeEntryType type, string name, uint mode, ulong inode, ulong? device = null, FileContent? content = null, long size = 0, bool isUnreadable = false,
        DirectoryContent? directory = null, string? target = null, uint major = 0, uint minor = 0, IReadOnlyList<ExtendedAttribute>? attributes = null) => new()
        {
            Type = type,
            // Latin-1, so that one of the names is not UTF-8.
            Name = Encoding.Latin1.GetBytes(name),
            Mode = mode,
            UserId = 1000 + (uint)(inode % 3),
            GroupId = 100,
            Modified = new FileTimestamp(FirstSecond + (long)inode, (uint)inode * 1001),
            Changed = new FileTimestamp(FirstSecond + (long)inode + 10, 999_999_999),
            Inode = inode,
            HardLinkDevice = device,
            Content = content,
            Size = size,
            UnreadableContent = isUnreadable,
            Directory = directory,
            LinkTarget = target is null ? default : Encoding.UTF8.GetBytes(target),
            DeviceMajor = major,
            DeviceMinor = minor,
            ExtendedAttributes = attributes ?? [],
        };

    private async ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken token) => (await session.StoreAsync(kind, plain, token)).Id;
}
