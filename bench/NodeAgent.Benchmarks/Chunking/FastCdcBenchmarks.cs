using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Chunking;

namespace NodeAgent.Benchmarks.Chunking;

/// <summary>Cutting 32 MiB of random bytes into chunks, and the scan alone where the minimum size skips nothing.</summary>
[Config(typeof(ThroughputConfig))]
public class FastCdcBenchmarks : IThroughputBenchmark
{
    private const int Length = 32 << 20;

    private readonly byte[] _data = new byte[Length];
    private readonly FastCdc _default = new(GearTable.Derive(new byte[32]), ChunkerParameters.Default);

    // 24 bits before the average size and 16 after it; the scan is of zeros, whose hash is constant and no cut.
    private readonly FastCdc _scan = new(GearTable.Derive(new byte[32]), new ChunkerParameters(64, 1 << 20, 64 << 20, 4));
    private readonly byte[] _zeros = new byte[Length];

    public long BytesPerOperation => Length;

    [GlobalSetup]
    public void Setup() => new Random(1).NextBytes(_data);

    [Benchmark]
    public int Default_sizes()
    {
        ReadOnlySpan<byte> rest = _data;
        var chunks = 0;
        while (!rest.IsEmpty)
        {
            rest = rest[_default.FindCut(rest, isLast: true)..];
            chunks++;
        }

        return chunks;
    }

    [Benchmark]
    public int Every_byte_scanned() => _scan.FindCut(_zeros, isLast: true);
}
