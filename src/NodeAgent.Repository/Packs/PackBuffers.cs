using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>The memory of packs, used again once the store has what was in it. Of those that wait for that, one of each kind keeps its pages, and is the next to be used. Thread-safe.</summary>
internal sealed class PackBuffers
{
    // Of 18 MiB a huge page more or less is little; of 4.5 MiB, most of which stay empty, it is not.
    private const int HugePagesFrom = 8 << 20;

    // Packs of data are several times as large as the others: what was made for one kind is of no use to the other.
    private readonly Idle _data = new(), _metadata = new();

    /// <summary>Memory for a pack; the caller's until it is given back, disposed or abandoned.</summary>
    /// <param name="kind">Of its chunks.</param>
    /// <param name="length">Bytes that it holds at least.</param>
    public PageBuffer Take(ChunkKind kind, int length) => Of(kind).Take() is { } idle && idle.Length >= length ? idle : new PageBuffer(length, length >= HugePagesFrom);

    /// <summary>Takes the memory of a pack that was put with success.</summary>
    /// <remarks>
    /// That of a put that failed, or was told to stop, is not for here: something may be left behind that still reads it, such as a request on a connection
    /// that is about to be closed, and only the collector sees when that is over (<see cref="PageBuffer.Abandon"/>). After a success only an attempt before the
    /// last can still read it. It may get the bytes of the next pack to see, for an object that the store has by then, in a request with the
    /// Content-MD5 of others.
    /// </remarks>
    public void GiveBack(SealedPack pack)
    {
        if (pack.Buffer.IsPinned || !Of(pack.Contents.Chunks[0].Kind).Add(pack.Buffer)) pack.Buffer.Abandon();
    }

    private Idle Of(ChunkKind kind) => kind == ChunkKind.Data ? _data : _metadata;

    /// <summary>Those of one kind that wait to be used again. Thread-safe.</summary>
    private sealed class Idle
    {
        private readonly Lock _gate = new();
        private readonly Stack<PageBuffer> _empty = new();
        private PageBuffer? _withPages;

        /// <summary>One, that with its pages first; null where none waits.</summary>
        public PageBuffer? Take()
        {
            lock (_gate)
            {
                if (_withPages is not { } buffer) return _empty.TryPop(out buffer) ? buffer : null;
                _withPages = null;
                return buffer;
            }
        }

        /// <summary>False for one that somebody began to read from meanwhile: it is not taken.</summary>
        public bool Add(PageBuffer buffer)
        {
            lock (_gate)
            {
                // To have each pack take its own anew was a tenth of the processor time of a first backup, for 12 MiB less. A second one: nothing that could be measured.
                if (_withPages is null)
                {
                    _withPages = buffer;
                    return true;
                }
            }

            if (!buffer.TryEmpty()) return false;
            lock (_gate) _empty.Push(buffer);
            return true;
        }
    }
}
