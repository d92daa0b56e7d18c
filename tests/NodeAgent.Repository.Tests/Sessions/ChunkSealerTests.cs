using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Sessions;

public sealed class ChunkSealerTests : IAsyncLifetime
{
    private readonly TestRepository _test = new();
    private ChunkRepository _repository = null!;
    private EnvelopeCipher _cipher = null!;

    public async ValueTask InitializeAsync()
    {
        _repository = await _test.InitializeAsync();
        _cipher = _repository.CreateCipher(CipherSuiteSelection.Preferred, null);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(70_000, true)]
    [InlineData(70_000, false)]
    [InlineData(ChunkRepository.MaxChunkLength, true)]
    [InlineData(ChunkRepository.MaxChunkLength, false)]
    public void What_is_hashed_again_comes_from_the_envelope_where_it_lies(int length, bool isText)
    {
        var plain = new byte[length];
        if (isText) plain.AsSpan().Fill((byte)'a');
        else SeededRandom.Create().NextBytes(plain);
        var id = _repository.ComputeId(ChunkKind.Data, plain);
        using var sealer = new ChunkSealer(_cipher);
        var envelope = new byte[sealer.Compress(plain, 3)];
        byte[] seen = [];
        sealer.Seal(ChunkKind.Data, id, plain, envelope, (kind, opened) =>
        {
            seen = opened.ToArray();
            return _repository.ComputeId(kind, opened);
        });
        Assert.Equal(isText && length > 1, envelope.Length < length);
        Assert.True(plain.AsSpan().SequenceEqual(seen));
        Assert.True(plain.AsSpan().SequenceEqual(Open(envelope, id, length)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_bit_that_flips_before_it_is_compressed_is_found(bool isText)
    {
        var plain = new byte[100_000];
        if (!isText) SeededRandom.Create().NextBytes(plain);
        var id = _repository.ComputeId(ChunkKind.Data, plain);
        plain[500] ^= 1;
        using var sealer = new ChunkSealer(_cipher);
        var envelope = new byte[sealer.Compress(plain, 3)];
        Assert.Throws<RepositoryException>(() => sealer.Seal(ChunkKind.Data, id, plain, envelope, _repository.ComputeId));
    }

    [Fact]
    public void A_bit_that_flips_before_it_is_encrypted_is_found()
    {
        var plain = new byte[100_000];
        SeededRandom.Create().NextBytes(plain);
        var id = _repository.ComputeId(ChunkKind.Data, plain);
        using var sealer = new ChunkSealer(_cipher);
        var envelope = new byte[sealer.Compress(plain, 3)];
        plain[500] ^= 1;
        Assert.Throws<RepositoryException>(() => sealer.Seal(ChunkKind.Data, id, plain, envelope, _repository.ComputeId));
    }

    public async ValueTask DisposeAsync()
    {
        _cipher.Dispose();
        await _repository.DisposeAsync();
        _test.Dispose();
    }

    private byte[] Open(byte[] envelope, ChunkId id, int length)
    {
        var associated = new byte[ChunkEnvelope.AssociatedLength];
        ChunkEnvelope.Associate(ChunkKind.Data, id, associated);
        var destination = new byte[envelope.Length];
        var opened = _cipher.Open(envelope, associated, destination);
        if (!opened.Compressed) return opened.Payload(destination).ToArray();
        var plain = new byte[length];
        using var codec = new NodeAgent.Repository.Compression.ZstdCodec();
        codec.Decompress(opened.Payload(destination), plain);
        return plain;
    }
}
