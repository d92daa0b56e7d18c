using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Parity;

namespace NodeAgent.Benchmarks.Parity;

/// <summary>Making the parity of a pack of 16 MiB, and putting the pack together again after the loss of 1 MiB in one piece.</summary>
[Config(typeof(ThroughputConfig))]
public class ParityBenchmarks : IThroughputBenchmark
{
    private const int Length = 16 << 20;

    private readonly byte[] _repositoryId = new byte[16];
    private byte[] _content = [];
    private byte[] _remains = [];
    private byte[] _parity = [];

    /// <summary>Parity blocks for each hundred blocks.</summary>
    [Params(5, 10, 20)]
    public int Percent { get; set; }

    /// <inheritdoc/>
    public long BytesPerOperation => Length;

    /// <summary>Random bytes: a pack is encrypted.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _content = new byte[Length];
        new Random(1).NextBytes(_content);
        _parity = ParityObject.Encode(_content, Percent, _repositoryId);
        _remains = [.. _content];
        _remains.AsSpan(5_000_000, Percent < 10 ? 512 << 10 : 1 << 20).Clear();
    }

    /// <summary>What a writer does for each pack.</summary>
    [Benchmark]
    public int Encode() => ParityObject.Encode(_content, Percent, _repositoryId).Length;

    /// <summary>What a reader does for a damaged pack, the verification of every block included.</summary>
    [Benchmark]
    public int Mend() => ParityObject.Decode(_parity, _repositoryId, "parity").TryMend(_remains, out _, out var why)?.Length ?? throw new InvalidOperationException(why);
}
