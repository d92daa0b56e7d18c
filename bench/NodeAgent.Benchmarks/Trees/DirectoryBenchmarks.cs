using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Benchmarks.Trees;

/// <summary>Time per directory entry, in memory: encoding with hashing of pages, decoding to objects, and a cursor without objects.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class DirectoryBenchmarks
{
    private const int Count = 20_000;

    private readonly Dictionary<ChunkId, byte[]> _chunks = [];
    private readonly byte[] _hash = new byte[ChunkId.Length];
    private readonly TreeEntry[] _entries = new TreeEntry[Count];
    private readonly GearTable _gear = GearTable.Derive(new byte[32]);
    private TreeEntry _directory = null!;

    [GlobalSetup]
    public async Task WriteAll()
    {
        for (var i = 0; i < Count; i++)
        {
            Blake3.Hash(BitConverter.GetBytes(i), _hash);
            _entries[i] = new TreeEntry
            {
                Type = TreeEntryType.RegularFile,
                Name = Encoding.ASCII.GetBytes($"file-{i.ToString("D6", CultureInfo.InvariantCulture)}.txt"),
                Mode = 0x1A4,
                UserId = 1000,
                GroupId = 1000,
                Modified = new FileTimestamp(1_700_000_000 + (i % 1000), 123_456_789),
                Changed = new FileTimestamp(1_700_000_000 + (i % 1000), 123_456_789),
                Inode = (ulong)(100_000 + i),
                Size = 40_000,
                Content = new ChunkList([ContentItem.Data(new ChunkId(_hash), 40_000)]),
            };
        }
        await Encode();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public async Task Encode()
    {
        _chunks.Clear();
        using var writer = new DirectoryWriter(StoreAsync, TreeParameters.Default, _gear);
        foreach (var entry in _entries)
            await writer.AddAsync(entry, CancellationToken.None);
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ED };
        _directory = carrier.WithDirectory(await writer.CompleteAsync(carrier, CancellationToken.None));
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public async Task<long> Decode()
    {
        long size = 0;
        await foreach (var entry in new TreeReader(ReadAsync, TreeParameters.Default).ReadDirectoryAsync(_directory, CancellationToken.None))
            size += entry.Size;
        return size;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public async Task<long> MoveCursor()
    {
        long size = 0;
        var cursor = new TreeReader(ReadAsync, TreeParameters.Default).OpenCursor(_directory);
        while (await cursor.MoveNextAsync(CancellationToken.None))
            size += cursor.Size;
        return size;
    }

    private ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plaintext, CancellationToken cancellationToken)
    {
        Blake3.Hash(plaintext.Span, _hash);
        var id = new ChunkId(_hash);
        _chunks[id] = plaintext.ToArray();
        return new ValueTask<ChunkId>(id);
    }

    private ValueTask<ReadOnlyMemory<byte>> ReadAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken) => new(_chunks[id]);
}
