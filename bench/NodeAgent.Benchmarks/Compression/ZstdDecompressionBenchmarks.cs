using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Benchmarks.Compression;

/// <summary>Decompressing 1 MiB of text, by the level that it was compressed at, with libzstd and with its port. The rate is of plain bytes.</summary>
[Config(typeof(ThroughputConfig))]
public class ZstdDecompressionBenchmarks : IThroughputBenchmark, IDisposable
{
    private const int Length = 1 << 20;

    private readonly byte[] _plain = new byte[Length];
    private ZstdCodec? _codec;
    private byte[] _compressed = [];

    [Params(1, 2, 3, 9)]
    public int Level { get; set; }

    [Params(ZstdImplementation.Native, ZstdImplementation.Managed)]
    public ZstdImplementation Implementation { get; set; }

    public long BytesPerOperation => Length;

    [GlobalSetup]
    public void Setup()
    {
        _codec = new ZstdCodec(Implementation);
        // What the library wrote for both.
        using var writer = new ZstdCodec(ZstdImplementation.Native);
        var destination = new byte[ZstdCodec.CompressBound(Length)];
        _compressed = destination[..writer.Compress(SampleData.Create("text", Length), destination, Level)];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _codec?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public bool Decompress() => _codec!.TryDecompress(_compressed, _plain);
}
