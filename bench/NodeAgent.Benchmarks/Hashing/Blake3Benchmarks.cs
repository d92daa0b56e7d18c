using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Benchmarks.Hashing;

/// <summary>BLAKE3 by kernel and size.</summary>
[Config(typeof(ThroughputConfig))]
[MemoryDiagnoser]
public class Blake3Benchmarks : IThroughputBenchmark, IDisposable
{
    private byte[] _input = [];
    private readonly byte[] _output = new byte[32];
    private Blake3Hasher? _hasher;

    [Params(64, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20)]
    public int Size { get; set; }

    [ParamsAllValues]
    public KernelChoice Kernel { get; set; }

    public long BytesPerOperation => Size;

    [GlobalSetup]
    public void Setup()
    {
        var kernel = Enum.Parse<Blake3Kernel>(Kernel.ToString());
        if (!Blake3Lanes.IsSupported(kernel))
            throw new PlatformNotSupportedException($"this processor has no {kernel}");
        _hasher = new Blake3Hasher(kernel);
        _input = new byte[Size];
        new Random(1).NextBytes(_input);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _hasher?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Blake3()
    {
        _hasher!.Reset();
        _hasher!.Update(_input);
        _hasher!.Finalize(_output);
    }
}
