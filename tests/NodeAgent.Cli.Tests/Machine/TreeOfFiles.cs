using System.Security.Cryptography;
using NodeAgent.Cli.Machine;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>A snapshot whose chunks are in memory: every way that content can be stored, and names that no one should print.</summary>
internal sealed class TreeOfFiles
{
    private static readonly FileTimestamp Time = FileTimestamp.From(new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero));
    private readonly Dictionary<ChunkId, byte[]> _chunks = [];

    public static byte[] Large { get; } = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7))];

    public async Task<SnapshotTree> BuildAsync()
    {
        var bundle = await StoreAsync(ChunkKind.Data, "__sliced__"u8.ToArray(), CancellationToken.None);
        var first = await StoreAsync(ChunkKind.Data, Large.AsMemory(0, 200_000), CancellationToken.None);
        var second = await StoreAsync(ChunkKind.Data, Large.AsMemory(200_000), CancellationToken.None);
        var inner = await DirectoryAsync(
            Directory("sub"),
            File("bundled", new BundleSlice(bundle, 2, 6)),
            File("large", new ChunkList([ContentItem.Data(first, 200_000), ContentItem.Hole(70_000), ContentItem.Data(second, 100_000)])),
            new TreeEntry { Type = TreeEntryType.SymbolicLink, Name = "link"u8.ToArray(), Mode = 0x1ff, Modified = Time, LinkTarget = "large"u8.ToArray() });
        var root = await DirectoryAsync(
            Directory(""),
            File("a", new InlineContent("hello"u8.ToArray()), inode: 7, hardLink: 0),
            File("b", new InlineContent("hello"u8.ToArray()), inode: 7, hardLink: 0),
            File("c", new InlineContent("other"u8.ToArray()), inode: 7, hardLink: 0), // another file, which got the inode later
            new TreeEntry { Type = TreeEntryType.RegularFile, Name = "evil\e[2J"u8.ToArray(), Mode = 0x1a4, Modified = Time, Content = EmptyContent.Instance, Size = 9, UnreadableContent = true },
            new TreeEntry { Type = TreeEntryType.Socket, Name = "socket"u8.ToArray(), Mode = 0x1ff, Modified = Time },
            inner,
            File("\xe9", EmptyContent.Instance, latin: true));
        var manifest = new SnapshotManifest
        {
            Time = new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero),
            Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/data" },
            Root = RootEntry.Encode(root),
            Owners = new SnapshotOwners { Users = new Dictionary<string, string> { ["1000"] = "alice" } },
        };
        return new SnapshotTree(new Snapshot(new SnapshotId(new ChunkId(new byte[32])), manifest), ReadAsync, TreeParameters.Default);
    }

    private static TreeEntry Directory(string name) => new() { Type = TreeEntryType.Directory, Name = System.Text.Encoding.UTF8.GetBytes(name), Mode = 0x1ed, Modified = Time };

    private static TreeEntry File(string name, FileContent content, ulong inode = 0, ulong? hardLink = null, bool latin = false) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = (latin ? System.Text.Encoding.Latin1 : System.Text.Encoding.UTF8).GetBytes(name),
        Mode = 0x1a4,
        UserId = 1000,
        GroupId = 50,
        Modified = Time,
        Inode = inode,
        HardLinkDevice = hardLink,
        Size = content.Length,
        Content = content,
    };

    private async Task<TreeEntry> DirectoryAsync(TreeEntry carrier, params TreeEntry[] entries)
    {
        using var writer = new DirectoryWriter(StoreAsync, TreeParameters.Default, GearTable.Derive(new byte[32]));
        foreach (var entry in entries)
            await writer.AddAsync(entry, CancellationToken.None);
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, CancellationToken.None));
    }

    private ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plaintext, CancellationToken cancellationToken)
    {
        var id = new ChunkId(SHA256.HashData([(byte)kind, .. plaintext.Span]));
        _chunks[id] = plaintext.ToArray();
        return new ValueTask<ChunkId>(id);
    }

    private ValueTask<ReadOnlyMemory<byte>> ReadAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken) => new(_chunks[id]);
}
