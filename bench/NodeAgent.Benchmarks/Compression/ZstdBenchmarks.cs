using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Benchmarks.Compression;

/// <summary>Compressing 1 MiB of text, of random bytes (which the probe turns away) and of gzip output (which shrinks by about 3 %).</summary>
[Config(typeof(ThroughputConfig))]
public class ZstdBenchmarks : IThroughputBenchmark, IDisposable
{
    private const int Length = 1 << 20;

    private readonly ZstdCodec _codec = new();
    private readonly byte[] _destination = new byte[ZstdCodec.CompressBound(Length)];
    private byte[] _source = [];

    [Params("text", "random", "gzip")]
    public string Content { get; set; } = "";

    [Params(1, 3, 9)]
    public int Level { get; set; }

    public long BytesPerOperation => Length;

    [GlobalSetup]
    public void Setup() => _source = SampleData.Create(Content, Length);

    [GlobalCleanup]
    public void Dispose()
    {
        _codec.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int Compress() => _codec.Compress(_source, _destination, Level);
}
