using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;

namespace NodeAgent.Repository.Tests.Packs;

public sealed class PackBuffersTests
{
    private const int Length = 64 << 10;
    private readonly PackBuffers _buffers = new();

    [Fact]
    public void One_of_each_kind_keeps_its_pages_and_is_the_next_to_be_used()
    {
        PageBuffer[] data = [Taken(ChunkKind.Data), Taken(ChunkKind.Data), Taken(ChunkKind.Data)];
        var metadata = Taken(ChunkKind.Tree);
        foreach (var buffer in data) GiveBack(buffer, ChunkKind.Data);
        GiveBack(metadata, ChunkKind.Tree);

        Assert.Same(metadata, _buffers.Take(ChunkKind.Tree, Length));
        Assert.Equal(1, metadata.Span[100]);
        // The one with pages is taken, and given back after another one was: it keeps them, although an empty one waits.
        for (var i = 0; i < 3; i++)
        {
            Assert.Same(data[0], _buffers.Take(ChunkKind.Data, Length));
            Assert.Equal(1, data[0].Span[100]);
            GiveBack(data[0], ChunkKind.Data);
        }

        PageBuffer[] again = [_buffers.Take(ChunkKind.Data, Length), _buffers.Take(ChunkKind.Data, Length), _buffers.Take(ChunkKind.Data, Length)];
        Assert.Same(data[0], again[0]);
        Assert.Equal(data.ToHashSet(), again.ToHashSet());
        Assert.All(again[1..], buffer => Assert.Equal(0, buffer.Span[100]));
        Assert.DoesNotContain(_buffers.Take(ChunkKind.Data, Length), data);
    }

    [Fact]
    public void One_that_is_still_read_from_is_not_used_again()
    {
        var buffer = Taken(ChunkKind.Data);
        using (buffer.Pin()) GiveBack(buffer, ChunkKind.Data);
        Assert.NotSame(buffer, _buffers.Take(ChunkKind.Data, Length));
    }

    [Fact]
    public void One_that_is_too_short_is_not_used()
    {
        var buffer = Taken(ChunkKind.Data);
        GiveBack(buffer, ChunkKind.Data);
        Assert.Equal(2 * Length, _buffers.Take(ChunkKind.Data, 2 * Length).Length);
    }

    private PageBuffer Taken(ChunkKind kind)
    {
        var buffer = _buffers.Take(kind, Length);
        buffer.Span[100] = 1;
        return buffer;
    }

    private void GiveBack(PageBuffer buffer, ChunkKind kind) =>
        _buffers.GiveBack(new SealedPack(new PackContents(default, Length, [new PackedChunk(default, kind, default, 10, 10)]), buffer, Length));
}
