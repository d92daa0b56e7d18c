using System.Collections.Concurrent;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>The memory of packs, used again once the store has what was in it. Of those that wait for that, one of each kind keeps its pages. Thread-safe.</summary>
internal sealed class PackBuffers
{
    // Of 18 MiB a huge page more or less is little; of 4.5 MiB, most of which stay empty, it is not.
    private const int HugePagesFrom = 8 << 20;

    // Packs of data are several times as large as the others: what was made for one kind is of no use to the other.
    private readonly ConcurrentBag<PageBuffer> _data = [];
    private readonly ConcurrentBag<PageBuffer> _metadata = [];

    /// <summary>Memory for a pack; the caller's until it is given back, disposed or abandoned.</summary>
    /// <param name="kind">Of its chunks.</param>
    /// <param name="length">Bytes that it holds at least.</param>
    public PageBuffer Take(ChunkKind kind, int length) => Of(kind).TryTake(out var free) && free.Length >= length ? free : new PageBuffer(length, length >= HugePagesFrom);

    /// <summary>Takes the memory of a pack that was put with success.</summary>
    /// <remarks>
    /// That of a put that failed, or was told to stop, is not for here: something may be left behind that still reads it, such as a request on a connection
    /// that is about to be closed, and only the collector sees when that is over (<see cref="PageBuffer.Abandon"/>). After a success only an attempt before the
    /// last can still read it. It may get the bytes of the next pack to see, for an object that the store has by then, in a request with the
    /// Content-MD5 of others.
    /// </remarks>
    public void GiveBack(SealedPack pack)
    {
        var free = Of(pack.Contents.Chunks[0].Kind);
        // The first keeps its pages: to have each pack take its own anew was a tenth of the processor time of a first backup, for 12 MiB less.
        if (!pack.Buffer.IsPinned && (free.IsEmpty || pack.Buffer.TryEmpty())) free.Add(pack.Buffer);
        else pack.Buffer.Abandon();
    }

    private ConcurrentBag<PageBuffer> Of(ChunkKind kind) => kind == ChunkKind.Data ? _data : _metadata;
}
