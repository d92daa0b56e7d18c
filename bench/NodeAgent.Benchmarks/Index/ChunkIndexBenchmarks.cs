using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Benchmarks.Index;

/// <summary>The index at sizes of one hundred thousand and two million chunks: looking up, filling, and reading a segment.</summary>
[MemoryDiagnoser]
public class ChunkIndexBenchmarks
{
    private const int ChunksPerPack = 100;
    private const int Lookups = 1024;

    private readonly SessionIdentity _session = new(1, CipherSuite.Aes256Gcm, new byte[RootKeys.SaltLength]);
    private readonly ChunkId[] _present = new ChunkId[Lookups];
    private readonly ChunkId[] _absent = new ChunkId[Lookups];
    private PackContents[] _packs = [];
    private ChunkIndex _index = new();
    private byte[] _segment = [];

    [Params(100_000, 2_000_000)]
    public int Chunks { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _packs = [.. Enumerable.Range(0, Chunks / ChunksPerPack).Select(_ => NewPack(random))];
        _index = Fill();
        for (var i = 0; i < Lookups; i++)
        {
            var pack = _packs[random.Next(_packs.Length)];
            _present[i] = pack.Chunks[random.Next(ChunksPerPack)].Id;
            _absent[i] = NewId(random);
        }

        _segment = new IndexSegment([.. _packs.Take(Math.Min(_packs.Length, 4000))], []).Encode();
    }

    /// <summary>Chunks that are there, as an unchanged backup asks for.</summary>
    [Benchmark(OperationsPerInvoke = Lookups)]
    public int Look_up_present()
    {
        var found = 0;
        foreach (var id in _present) found += _index.TryFind(id, out _) ? 1 : 0;
        return found;
    }

    /// <summary>Chunks that are not there, as a first backup asks for.</summary>
    [Benchmark(OperationsPerInvoke = Lookups)]
    public int Look_up_absent()
    {
        var found = 0;
        foreach (var id in _absent) found += _index.Contains(id) ? 1 : 0;
        return found;
    }

    /// <summary>What opening a repository costs beyond reading: the whole index from nothing.</summary>
    [Benchmark]
    public long Fill_whole_index() => Fill().Count;

    /// <summary>One segment of at most 400,000 chunks.</summary>
    [Benchmark]
    public int Decode_segment() => IndexSegment.Decode(_segment, "segment").Packs.Count;

    private ChunkIndex Fill()
    {
        var index = new ChunkIndex();
        foreach (var pack in _packs) index.Add(pack);
        return index;
    }

    private PackContents NewPack(Random random)
    {
        var chunks = new PackedChunk[ChunksPerPack];
        for (var i = 0; i < chunks.Length; i++) chunks[i] = new PackedChunk(NewId(random), ChunkKind.Data, _session, 100_000, 150_000);
        return new PackContents(new PackId(1, NewId(random)), (100_000L * ChunksPerPack) + (64 << 10), chunks);
    }

    private static ChunkId NewId(Random random)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        random.NextBytes(bytes);
        return new ChunkId(bytes);
    }
}
