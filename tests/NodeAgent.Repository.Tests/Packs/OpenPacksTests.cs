using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Packs;

public sealed class OpenPacksTests : IAsyncLifetime
{
    private const int Target = 64 << 10;
    private const int Length = 10_000;

    private readonly TestRepository _test = new();
    private ChunkRepository _repository = null!;
    private EnvelopeCipher _cipher = null!;

    public async ValueTask InitializeAsync()
    {
        _repository = await _test.InitializeAsync();
        _cipher = _repository.CreateCipher(CipherSuiteSelection.Preferred, null);
    }

    [Fact]
    public void A_full_pack_waits_for_the_chunk_that_is_still_being_sealed()
    {
        using var packs = new OpenPacks(Target, _cipher.Identity);
        // Metadata goes into one pack, of a quarter of the target: the second chunk has no room beside the first.
        var slow = packs.Reserve(Chunk(ChunkKind.Tree));
        var next = packs.Reserve(Chunk(ChunkKind.Tree));
        Assert.Null(next.Full);
        Assert.NotSame(slow.Builder, next.Builder);
        Assert.Throws<InvalidOperationException>(() => Complete(slow.Builder));
        Assert.Null(packs.Settle(next));

        slow.Envelope.Fill(0x5A);
        var complete = packs.Settle(slow);
        Assert.Same(slow.Builder, complete);
        var pack = Complete(complete!);
        Assert.False(pack.Bytes.Span.Slice(slow.Offset, slow.Length).ContainsAnyExcept((byte)0x5A));
        Assert.Equal(new PackContents(pack.Contents.Pack, pack.Length, pack.Contents.Chunks), pack.Contents);
        packs.Lost(pack, wasGiven: false);
    }

    [Fact]
    public void A_full_pack_that_waits_for_nothing_is_given_to_who_found_no_room()
    {
        using var packs = new OpenPacks(Target, _cipher.Identity);
        var first = packs.Reserve(Chunk(ChunkKind.Tree));
        Assert.Null(packs.Settle(first));
        var second = packs.Reserve(Chunk(ChunkKind.Tree));
        Assert.Same(first.Builder, second.Full);
        packs.Lost(Complete(first.Builder), wasGiven: false);
        packs.Settle(second);
    }

    [Fact]
    public void What_packs_hold_is_counted_until_they_are_stored_or_lost()
    {
        using var packs = new OpenPacks(Target, _cipher.Identity);
        for (var i = 0; i < 3; i++) packs.Settle(packs.Reserve(Chunk(ChunkKind.Data)));
        packs.Settle(packs.Reserve(Chunk(ChunkKind.Tree)));
        Assert.Equal(4 * Length, packs.HeldBytes);

        var complete = packs.Take().Select(Complete).ToList();
        Assert.Equal(4 * Length, packs.HeldBytes);
        Assert.Empty(packs.Take());
        packs.Lost(complete[0], wasGiven: true);
        foreach (var pack in complete.Skip(1)) packs.Stored(pack);
        Assert.Equal(0, packs.HeldBytes);
    }

    [Fact]
    public void The_memory_of_a_pack_is_used_again_once_it_is_stored_and_not_when_its_put_failed()
    {
        using var packs = new OpenPacks(Target, _cipher.Identity);
        packs.Settle(packs.Reserve(Chunk(ChunkKind.Tree)));
        var stored = Complete(Assert.Single(packs.Take()));
        packs.Stored(stored);

        packs.Settle(packs.Reserve(Chunk(ChunkKind.Tree)));
        var failed = Complete(Assert.Single(packs.Take()));
        Assert.Same(stored.Buffer, failed.Buffer);
        packs.Lost(failed, wasGiven: true);
        var copy = failed.Bytes.ToArray();

        packs.Reserve(Chunk(ChunkKind.Tree)).Envelope.Fill(0xFF);
        Assert.True(failed.Bytes.Span.SequenceEqual(copy));
    }

    [Fact]
    public void Of_packs_that_are_given_up_none_is_freed_into_which_somebody_still_seals()
    {
        var packs = new OpenPacks(Target, _cipher.Identity);
        var busy = packs.Reserve(Chunk(ChunkKind.Data));
        var idle = packs.Reserve(Chunk(ChunkKind.Tree));
        packs.Settle(idle);
        packs.Dispose();
        busy.Envelope.Fill(1);
        Assert.Throws<ObjectDisposedException>(() => idle.Envelope.Length);
    }

    public async ValueTask DisposeAsync()
    {
        _cipher.Dispose();
        await _repository.DisposeAsync();
        _test.Dispose();
    }

    private PackedChunk Chunk(ChunkKind kind) => new(_repository.ComputeId(kind, [1, 2, 3]), kind, _cipher.Identity, Length, 3);

    private SealedPack Complete(PackBuilder builder) => builder.Complete(_cipher, _repository.RepositoryId, 1);
}
