using System.Security.Cryptography;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>The packs that a session fills: two of data and one of metadata. Thread-safe; chunks are sealed into them side by side.</summary>
/// <param name="packTarget">Bytes at which a pack of data is complete.</param>
/// <param name="owner">The session.</param>
internal sealed class OpenPacks(int packTarget, SessionIdentity owner) : IDisposable
{
    /// <summary>How many packs of data are filled at once.</summary>
    public const int DataPacks = 2;

    private readonly Lock _gate = new();
    private readonly PackBuffers _buffers = new();
    private readonly PackBuilder?[] _data = new PackBuilder?[DataPacks];
    private PackBuilder? _metadata;
    private long _heldBytes;

    /// <summary>Bytes of chunks in packs that are filled, wait or are sent.</summary>
    public long HeldBytes => Interlocked.Read(ref _heldBytes);

    /// <summary>Sets aside the place of a chunk. <see cref="Settle"/> follows, or the session fails.</summary>
    public PackPlace Reserve(in PackedChunk chunk)
    {
        lock (_gate)
        {
            // Data chunks go to either of two packs at random, so that a pack's size is no sum of consecutive chunks.
            ref var open = ref chunk.Kind == ChunkKind.Data ? ref _data[RandomNumberGenerator.GetInt32(DataPacks)] : ref _metadata;
            PackBuilder? full = null;
            if (open is not null && !open.Takes(chunk.StoredLength, owner))
            {
                // Where others still seal into it, it is complete with the last of them.
                if (open.Close()) full = open;
                open = null;
            }

            open ??= PackBuilder.Create(packTarget, chunk.Kind, chunk.StoredLength, owner, _buffers);
            Interlocked.Add(ref _heldBytes, chunk.StoredLength);
            return new PackPlace(open, open.Reserve(chunk), chunk.StoredLength, full);
        }
    }

    /// <summary>A chunk is in its place and was found sound. Gives the pack when it is complete by that: it was closed, and this chunk the last that it waited for.</summary>
    public PackBuilder? Settle(in PackPlace place)
    {
        lock (_gate) return place.Builder.Settle() ? place.Builder : null;
    }

    /// <summary>Takes the packs that are being filled: the caller completes or disposes them.</summary>
    public IReadOnlyList<PackBuilder> Take()
    {
        lock (_gate)
        {
            List<PackBuilder> open = [.. new[] { _data[0], _data[1], _metadata }.OfType<PackBuilder>()];
            _data[0] = _data[1] = _metadata = null;
            return open;
        }
    }

    /// <summary>A pack is in the store: its memory is for the next one.</summary>
    public void Stored(SealedPack pack)
    {
        Release(pack);
        _buffers.GiveBack(pack);
    }

    /// <summary>A pack will not be in the store, as far as is known.</summary>
    /// <param name="pack">It.</param>
    /// <param name="wasGiven">Whether a store was told to put it, and may still read it.</param>
    public void Lost(SealedPack pack, bool wasGiven)
    {
        Release(pack);
        if (wasGiven) pack.Buffer.Abandon();
        else ((IDisposable)pack.Buffer).Dispose();
    }

    /// <summary>Gives up the packs that are being filled.</summary>
    public void Dispose()
    {
        foreach (var open in Take()) open.Dispose();
    }

    private void Release(SealedPack pack) => Interlocked.Add(ref _heldBytes, -pack.Contents.Chunks.Sum(c => (long)c.StoredLength));
}
