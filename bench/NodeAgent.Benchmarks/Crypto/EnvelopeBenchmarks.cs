using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Benchmarks.Crypto;

/// <summary>Sealing and opening envelopes by suite and size; the payload is in place, as the pack writer has it.</summary>
[Config(typeof(ThroughputConfig))]
[MemoryDiagnoser]
public class EnvelopeBenchmarks : IThroughputBenchmark, IDisposable
{
    private readonly RootKeys _keys = RootKeys.Create();
    private readonly byte[] _associatedData = new byte[33];
    private EnvelopeCipher? _cipher;
    private byte[] _envelope = [];
    private byte[] _sealed = [];
    private byte[] _opened = [];

    [Params(CipherSuite.Aes256Gcm, CipherSuite.ChaCha20Poly1305)]
    public CipherSuite Suite { get; set; }

    [Params(1 << 10, 16 << 10, 1 << 20)]
    public int Size { get; set; }

    public long BytesPerOperation => Size;

    [GlobalSetup]
    public void Setup()
    {
        _cipher = EnvelopeCipher.CreateSession(_keys, new byte[EnvelopeCipher.RepositoryIdLength], Suite);
        _envelope = new byte[Size + EnvelopeCipher.Overhead];
        _opened = new byte[Size + EnvelopeCipher.InnerHeaderLength];
        Seal();
        _sealed = [.. _envelope];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _cipher?.Dispose();
        _keys.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int Seal() => _cipher!.Seal(
        EnvelopeType.DataChunk, compressed: true, (uint)Size, _envelope.AsSpan(EnvelopeCipher.PayloadOffset, Size), _associatedData, _envelope);

    [Benchmark]
    public int Open() => _cipher!.Open(_sealed, _associatedData, _opened).PayloadLength;
}
