using System.Buffers.Binary;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Numbers for chunks: 16 bytes for each, so that what is known of a chunk takes a bit or four bytes elsewhere. Two among 2^30 chunks are taken for
/// the same with probability 2^-69. Chunks are added first; then it is sealed and asked.
/// </summary>
internal sealed class ChunkCensus
{
    private UInt128[] _keys = new UInt128[256];
    private int _added;

    /// <summary>Distinct chunks, once sealed.</summary>
    public int Count { get; private set; }

    public void Clear() => (_added, Count) = (0, 0);

    public void Add(ChunkId id)
    {
        if (_added == _keys.Length)
        {
            // Several packs may hold one chunk: what is double goes before more memory is taken.
            Seal();
            if (_added > _keys.Length / 4 * 3) Array.Resize(ref _keys, _keys.Length * 2);
        }

        _keys[_added++] = KeyOf(id);
    }

    public void Seal()
    {
        Array.Sort(_keys, 0, _added);
        var kept = 0;
        for (var i = 0; i < _added; i++)
        {
            if (i == 0 || _keys[i] != _keys[kept - 1]) _keys[kept++] = _keys[i];
        }

        _added = Count = kept;
    }

    /// <summary>A chunk's number; negative when it was not added.</summary>
    public int Find(ChunkId id)
    {
        var key = KeyOf(id);
        int low = 0, high = Count - 1;
        // Ids are as good as random: where a key lies among the others can be told from its first bits.
        while (low <= high)
        {
            var (first, last) = (_keys[low], _keys[high]);
            if (key < first || key > last) return -1;
            var span = (ulong)((last - first) >> 64);
            var guess = high - low < 8 || span == 0 ? (low + high) / 2 : low + (int)((double)(ulong)((key - first) >> 64) / span * (high - low));
            if (_keys[guess] == key) return guess;
            if (_keys[guess] < key) low = guess + 1;
            else high = guess - 1;
        }

        return -1;
    }

    // The first 16 bytes, most significant first: an index segment has the first 20 of each id.
    private static UInt128 KeyOf(ChunkId id)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        id.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
