using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Benchmarks.Compression;

/// <summary>Compressing 1 MiB of text, of random bytes (which the probe turns away) and of gzip output (which shrinks by about 3 %), with libzstd and with its port.</summary>
[Config(typeof(ThroughputConfig))]
public class ZstdBenchmarks : IThroughputBenchmark, IDisposable
{
    private const int Length = 1 << 20;

    private readonly byte[] _destination = new byte[ZstdCodec.CompressBound(Length)];
    private ZstdCodec? _codec;
    private byte[] _source = [];

    [Params("text", "random", "gzip")]
    public string Content { get; set; } = "";

    [Params(1, 2, 3, 9)]
    public int Level { get; set; }

    [Params(ZstdImplementation.Native, ZstdImplementation.Managed)]
    public ZstdImplementation Implementation { get; set; }

    public long BytesPerOperation => Length;

    [GlobalSetup]
    public void Setup()
    {
        _codec = new ZstdCodec(Implementation);
        _source = SampleData.Create(Content, Length);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _codec?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int Compress() => _codec!.Compress(_source, _destination, Level);
}
