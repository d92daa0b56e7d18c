using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>Makes one object of each kind, every sealed one in a session of its own.</summary>
internal static class GoldenObjects
{
    public static async Task<IReadOnlyList<(string Name, byte[] Content)>> MakeAsync(CancellationToken cancellationToken)
    {
        using var keys = RootKeys.Parse(GoldenFiles.RootKeys);
        using var secret = GoldenFiles.Secret();
        using var passphrase = RepositorySecret.FromPassphrase(GoldenFiles.Passphrase);
        var config = new RepositoryConfig { Id = Convert.ToHexStringLower(GoldenFiles.RepositoryId), Created = GoldenFiles.Time, Parameters = RepositoryParameters.Default }.Encode(keys);
        var rawKey = KeyObject.Encode(GoldenFiles.RepositoryId, keys, secret, "golden raw key", GoldenFiles.Time).Content;
        var passphraseKey = KeyObject.Encode(GoldenFiles.RepositoryId, keys, passphrase, "gölden", GoldenFiles.Time, GoldenFiles.Cost).Content;

        await using var repository = await GoldenFiles.OpenAsync(config, rawKey, cancellationToken);
        var dataPack = Pack(repository, CipherSuite.Aes256Gcm, 0x11, DataChunks().Select(c => (ChunkKind.Data, c)));
        var treePack = Pack(repository, CipherSuite.ChaCha20Poly1305, 0x22, await TreeChunksAsync(repository, cancellationToken));
        return
        [
            (GoldenFiles.Config, config),
            (GoldenFiles.RawKeyObject, rawKey),
            (GoldenFiles.PassphraseKeyObject, passphraseKey),
            (GoldenFiles.DataPack, dataPack.Bytes.ToArray()),
            (GoldenFiles.TreePack, treePack.Bytes.ToArray()),
            (GoldenFiles.IndexSegment, Sealed(repository, 0x33, ObjectKind.Index, EnvelopeType.IndexSegment, new IndexSegment([dataPack.Contents, treePack.Contents], [new ChunkId(GoldenFiles.Salt(0x77))]).Encode())),
            (GoldenFiles.Snapshot, Sealed(repository, 0x44, ObjectKind.Snapshot, EnvelopeType.Snapshot, Manifest().ToJson())),
            (GoldenFiles.ForgetMark, Sealed(repository, 0x55, ObjectKind.Forget, EnvelopeType.Forget, JsonSerializer.SerializeToUtf8Bytes(new ForgetRecord(new string('a', 64), GoldenFiles.Time, "too old"), SnapshotJson.Default.ForgetRecord))),
            (GoldenFiles.SessionRecord, Sealed(repository, 0x66, ObjectKind.Session, EnvelopeType.SessionRecord, JsonSerializer.SerializeToUtf8Bytes(new SessionRecord(GoldenFiles.Time, "nodeagent 0.1.0", "golden-host"), RepositoryJson.Default.SessionRecord))),
        ];
    }

    /// <summary>Text that compresses, random bytes that do not, and one byte.</summary>
    public static IReadOnlyList<byte[]> DataChunks() =>
    [
        Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("golden text that compresses\n", 100))),
        GoldenTree.Random("chunk", 1000),
        "x"u8.ToArray(),
    ];

    /// <summary>An entry of every type, with every optional field and every kind of content.</summary>
    public static IReadOnlyList<TreeEntry> Entries(ChunkRepository repository)
    {
        var ids = DataChunks().Select(chunk => repository.ComputeId(ChunkKind.Data, chunk)).ToArray();
        var time = new FileTimestamp(1_767_323_045, 678_900_001);
        TreeEntry File(string name, long size, FileContent content) => new()
        {
            Type = TreeEntryType.RegularFile,
            Name = Encoding.UTF8.GetBytes(name),
            Mode = 0b110_100_100,
            UserId = 1000,
            GroupId = 100,
            Modified = time,
            Changed = time,
            Inode = 4711,
            Size = size,
            Content = content,
        };

        TreeEntry Other(string name, TreeEntryType type, DirectoryContent? directory = null, string? target = null, uint major = 0, uint minor = 0) => new()
        {
            Type = type,
            Name = Encoding.UTF8.GetBytes(name),
            Mode = 0b111_101_101,
            Modified = new FileTimestamp(-1, 999_999_999),
            Changed = time,
            Inode = ulong.MaxValue,
            Directory = directory,
            LinkTarget = target is null ? default : Encoding.UTF8.GetBytes(target),
            DeviceMajor = major,
            DeviceMinor = minor,
        };

        return
        [
            Other("a directory", TreeEntryType.Directory, EmptyDirectory.Instance),
            Other("a directory of pages", TreeEntryType.Directory, new PagedDirectory(repository.ComputeId(ChunkKind.Tree, "page"u8), 3)),
            File("a file in a bundle", 7, new BundleSlice(ids[1], 500, 7)),
            File("a file in an entry", 3, new InlineContent("abc"u8.ToArray())),
            File("a file of a hole", 1L << 40, new WholeHole(1L << 40)),
            File("a file of items", 11_801, new ChunkList([ContentItem.Data(ids[0], 2800), ContentItem.Hole(8000), ContentItem.Data(ids[1], 1000), ContentItem.Data(ids[2], 1)])),
            File("a file of lists", 1L << 33, new IndirectList(repository.ComputeId(ChunkKind.List, "list"u8), 2, 1L << 33)),
            Other("a link", TreeEntryType.SymbolicLink, target: "../elsewhere"),
            Other("a pipe", TreeEntryType.Fifo),
            Other("a socket", TreeEntryType.Socket),
            Other("block", TreeEntryType.BlockDevice, major: 8, minor: 1),
            new TreeEntry
            {
                Type = TreeEntryType.RegularFile, Name = new byte[] { 0x63, 0x61, 0x66, 0xE9 }, Mode = 0b100_111_101_101, UserId = uint.MaxValue, GroupId = 0,
                Modified = new FileTimestamp(long.MinValue, 0), Changed = new FileTimestamp(long.MaxValue, 1), Inode = 1, Birth = new FileTimestamp(-62135596800, 5), HardLinkDevice = 300,
                InodeFlags = 0x30, ChangedWhileRead = true, UnreadableContent = true, Size = 12345, Content = EmptyContent.Instance,
                ExtendedAttributes =
                [
                    new ExtendedAttribute("security.capability"u8.ToArray(), new byte[] { 1, 0, 0, 2 }),
                    new ExtendedAttribute("user.empty"u8.ToArray(), ReadOnlyMemory<byte>.Empty),
                    new ExtendedAttribute("user.large"u8.ToArray(), ids[0], 2800),
                ],
            },
            Other("character", TreeEntryType.CharacterDevice, major: 1, minor: uint.MaxValue),
        ];
    }

    /// <summary>Twenty items: too many for an entry.</summary>
    public static IReadOnlyList<ContentItem> Items(ChunkRepository repository) =>
        [.. Enumerable.Range(0, 20).Select(i => i % 4 == 3 ? ContentItem.Hole(1 + (1L << i)) : ContentItem.Data(repository.ComputeId(ChunkKind.Data, [(byte)i]), i + 1))];

    private static SnapshotManifest Manifest() => new()
    {
        Time = GoldenFiles.Time,
        Completed = GoldenFiles.Time.AddSeconds(90),
        Program = "nodeagent 0.1.0",
        Hostname = "golden-host",
        Username = "golden-user",
        Source = new SnapshotSource { Kind = SnapshotSource.PodVolume, Path = "/var/lib/kubelet/pods/1/volumes/data", Namespace = "shop", Pod = "db-0", PodUid = "5f1c", Volume = "data", Pvc = "db-data", Node = "node-1" },
        Tags = new Dictionary<string, string> { ["backup"] = "nightly" },
        Parent = new string('b', 64),
        Root = RootEntry.Encode(new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0b111_101_101, Modified = new FileTimestamp(1_767_323_045, 0), Inode = 2, Directory = EmptyDirectory.Instance }),
        Chunker = new SnapshotChunker("gear64-fastcdc", 524288, 1048576, 4194304, 2),
        Outcome = SnapshotOutcome.PartiallyFailed,
        Partial = true,
        Stats = new SnapshotStatistics { Files = 1, Directories = 2, Symlinks = 3, Others = 4, Bytes = 5, NewBytes = 6, StoredBytes = 7, UnchangedFiles = 8, NewFiles = 9, ChangedFiles = 10 },
        Issues = [new SnapshotIssue([0x63, 0xE9], "c\\xe9", "open", "Permission denied")],
        IssueCount = 1,
        Owners = new SnapshotOwners { Users = new Dictionary<string, string> { ["0"] = "root" }, Groups = new Dictionary<string, string> { ["0"] = "root" } },
    };

    private static byte[] Sealed(ChunkRepository repository, byte salt, ObjectKind kind, EnvelopeType type, byte[] plain)
    {
        using var cipher = repository.CreateCipher(CipherSuite.Aes256Gcm, GoldenFiles.Salt(salt));
        return repository.Objects.Seal(cipher, kind, type, plain);
    }

    private static SealedPack Pack(ChunkRepository repository, CipherSuite suite, byte salt, IEnumerable<(ChunkKind Kind, byte[] Plain)> chunks)
    {
        using var cipher = repository.CreateCipher(suite, GoldenFiles.Salt(salt));
        using var sealer = new ChunkSealer(cipher);
        var builder = new PackBuilder(new PageBuffer(1 << 20), 1 << 20, cipher.Identity);
        foreach (var (kind, plain) in chunks)
        {
            var id = repository.ComputeId(kind, plain);
            var envelope = new byte[sealer.Compress(plain, 3)];
            sealer.Seal(kind, id, plain, envelope, repository.ComputeId);
            builder.Add(envelope, new PackedChunk(id, kind, cipher.Identity, envelope.Length, plain.Length));
        }

        return builder.Complete(cipher, GoldenFiles.RepositoryId, BinaryPrimitives.ReadUInt64BigEndian(cipher.Salt));
    }

    private static async Task<IReadOnlyList<(ChunkKind Kind, byte[] Plain)>> TreeChunksAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        var chunks = new List<(ChunkKind, byte[])>();
        using var directory = new DirectoryWriter(KeepAsync, new TreeParameters(512, 256 << 10, 9, 0), repository.Gear);
        foreach (var entry in Entries(repository)) await directory.AddAsync(entry, cancellationToken);
        await directory.CompleteAsync(new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0 }, cancellationToken);
        using var list = new ContentListWriter(KeepAsync);
        foreach (var item in Items(repository)) await list.AddAsync(item, cancellationToken);
        await list.CompleteAsync(cancellationToken);
        return chunks;

        ValueTask<ChunkId> KeepAsync(ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken token)
        {
            chunks.Add((kind, plain.ToArray()));
            return new ValueTask<ChunkId>(repository.ComputeId(kind, plain.Span));
        }
    }
}
