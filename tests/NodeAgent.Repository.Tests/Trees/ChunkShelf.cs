using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

/// <summary>Chunks in memory, where a test can also put what no writer would write.</summary>
internal sealed class ChunkShelf
{
    public static readonly TreeParameters SmallPages = new(512, 2048, 3, 256);

    public Dictionary<ChunkId, byte[]> Chunks { get; } = [];

    public static GearTable Gear { get; } = GearTable.Derive(new byte[32]);

    public ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plaintext, CancellationToken cancellationToken)
    {
        var id = IdOf(kind, plaintext.Span);
        Chunks[id] = plaintext.ToArray();
        return new ValueTask<ChunkId>(id);
    }

    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken)
    {
        Assert.True(Chunks[id].Length <= maxLength);
        return new ValueTask<ReadOnlyMemory<byte>>(Chunks[id]);
    }

    public DirectoryWriter Writer(TreeParameters? parameters = null) => new(StoreAsync, parameters ?? SmallPages, Gear);

    public TreeReader Reader(TreeParameters? parameters = null) => new(ReadAsync, parameters ?? SmallPages);

    public async Task<TreeEntry> WriteAsync(IEnumerable<TreeEntry> entries, TreeEntry carrier, TreeParameters? parameters = null)
    {
        using var writer = Writer(parameters);
        foreach (var entry in entries)
            await writer.AddAsync(entry, TestContext.Current.CancellationToken);
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, TestContext.Current.CancellationToken));
    }

    public async Task<List<TreeEntry>> ListAsync(TreeEntry directory, TreeParameters? parameters = null)
    {
        var entries = new List<TreeEntry>();
        await foreach (var entry in Reader(parameters).ReadDirectoryAsync(directory, TestContext.Current.CancellationToken))
            entries.Add(entry);
        return entries;
    }

    public static ChunkId IdOf(ChunkKind kind, ReadOnlySpan<byte> plaintext)
    {
        var key = new byte[32];
        key[0] = (byte)kind;
        var hash = new byte[32];
        Blake3.KeyedHash(key, plaintext, hash);
        return new ChunkId(hash);
    }
}
