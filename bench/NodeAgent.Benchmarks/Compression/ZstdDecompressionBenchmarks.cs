using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Benchmarks.Compression;

/// <summary>Decompressing 1 MiB of text, by the level that it was compressed at. The rate is of plain bytes.</summary>
[Config(typeof(ThroughputConfig))]
public class ZstdDecompressionBenchmarks : IThroughputBenchmark, IDisposable
{
    private const int Length = 1 << 20;

    private readonly ZstdCodec _codec = new();
    private readonly byte[] _plain = new byte[Length];
    private byte[] _compressed = [];

    [Params(1, 3, 9)]
    public int Level { get; set; }

    public long BytesPerOperation => Length;

    [GlobalSetup]
    public void Setup()
    {
        var destination = new byte[ZstdCodec.CompressBound(Length)];
        _compressed = destination[.._codec.Compress(SampleData.Create("text", Length), destination, Level)];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _codec.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public bool Decompress() => _codec.TryDecompress(_compressed, _plain);
}
