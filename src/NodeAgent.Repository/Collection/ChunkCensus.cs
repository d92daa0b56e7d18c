using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Numbers for chunks, so that what is known of a chunk takes a bit or four bytes elsewhere: 16 bytes for each, in order, in memory while they are few, else in a mapped
/// file beside a quarter of a byte a chunk in memory. Two among 2^30 chunks are taken for the same with probability 2^-68. Chunks are added first; then it is sealed and asked.
/// </summary>
/// <param name="directory">Where files may be; null for none, all is in memory then.</param>
/// <param name="most">Chunks that are in memory at a time, 16 bytes each; 256 at least.</param>
internal sealed class ChunkCensus(string? directory, int most) : IDisposable
{
    private const int KeyLength = 16;
    private const int KeysPerBucket = 16;
    private const int LeastKeys = 256;

    // The last bit of a key says whether the chunk was added more than once.
    private static readonly UInt128 Repeated = UInt128.One;

    // Sorted parts of what was added, each without repetitions.
    private readonly List<(long Start, int Count)> _runs = [];
    private TemporaryFile? _spill;
    private UInt128[] _keys = new UInt128[LeastKeys];
    private int _added;
    private ScratchTable<UInt128> _sorted = new([], 0);
    private int[] _buckets = [0, 0];
    private int _bucketBits;

    /// <summary>Distinct chunks, once sealed.</summary>
    public int Count => _sorted.Count;

    /// <summary>Whether the numbers are in a file.</summary>
    public bool IsMapped => _sorted.IsMapped;

    /// <exception cref="IOException">The disk is full.</exception>
    public void Add(ChunkId id)
    {
        if (_added == _keys.Length)
        {
            // Several packs may hold one chunk: what is double goes before more memory is taken.
            Sort();
            if (_added > _keys.Length / 4 * 3)
            {
                if (directory is null || _keys.Length * 2L <= most) Array.Resize(ref _keys, _keys.Length * 2);
                else Spill();
            }
        }

        _keys[_added++] = KeyOf(id);
    }

    /// <summary>Ends the adding.</summary>
    /// <exception cref="IOException">The disk is full.</exception>
    public void Seal()
    {
        Sort();
        if (_runs.Count == 0)
        {
            _sorted = new ScratchTable<UInt128>(_keys, _added);
        }
        else
        {
            Spill();
            using var merged = new TemporaryFile(directory!);
            foreach (var key in Merge())
            {
                var written = key;
                merged.Append(MemoryMarshal.AsBytes(new ReadOnlySpan<UInt128>(in written)));
            }

            _sorted = ScratchTable<UInt128>.Of(merged, checked((int)(merged.Length / KeyLength)));
            _spill!.Dispose();
        }

        _keys = [];
        FillBuckets();
    }

    /// <summary>A chunk's number; negative when it was not added.</summary>
    public int Find(ChunkId id)
    {
        var key = KeyOf(id);
        var bucket = BucketOf(key);
        // Ids are as good as random: a bucket has about as many keys as any other.
        int low = _buckets[bucket], high = _buckets[bucket + 1] - 1;
        while (low <= high)
        {
            var middle = (int)(((uint)low + (uint)high) / 2);
            var found = _sorted[middle] & ~Repeated;
            if (found == key) return middle;
            if (found < key) low = middle + 1;
            else high = middle - 1;
        }

        return -1;
    }

    /// <summary>Whether a chunk was added more than once, as when several packs hold it.</summary>
    public bool IsRepeated(int chunk) => (_sorted[chunk] & Repeated) != UInt128.Zero;

    /// <summary>A number for each chunk, all the same at first; where the census is. The caller disposes it.</summary>
    /// <exception cref="IOException">The disk is full.</exception>
    public ScratchTable<int> CreateNumbers(int value) => ScratchTable<int>.Filled(Count, value, IsMapped ? directory : null);

    public void Dispose()
    {
        _spill?.Dispose();
        _sorted.Dispose();
    }

    private void Sort()
    {
        Array.Sort(_keys, 0, _added);
        var kept = 0;
        for (var i = 0; i < _added; i++)
        {
            if (kept > 0 && (_keys[i] | Repeated) == (_keys[kept - 1] | Repeated)) _keys[kept - 1] |= Repeated;
            else _keys[kept++] = _keys[i];
        }

        _added = kept;
    }

    private void Spill()
    {
        _spill ??= new TemporaryFile(directory!);
        _runs.Add((_spill.Length, _added));
        _spill.Append(MemoryMarshal.AsBytes(_keys.AsSpan(0, _added)));
        _added = 0;
    }

    /// <summary>All that was spilled, in order, without repetitions.</summary>
    private IEnumerable<UInt128> Merge()
    {
        var runs = _runs.Select(run => new CensusRun(_spill!, run.Start, run.Count)).ToList();
        var next = new PriorityQueue<CensusRun, UInt128>(runs.Count);
        foreach (var run in runs)
        {
            if (run.TryNext(out var first)) next.Enqueue(run, first);
        }

        UInt128? last = null;
        while (next.TryDequeue(out var run, out var key))
        {
            if ((key | Repeated) == (last | Repeated))
            {
                last |= Repeated;
            }
            else
            {
                if (last is { } complete) yield return complete;
                last = key;
            }

            if (run.TryNext(out var following)) next.Enqueue(run, following);
        }

        if (last is { } end) yield return end;
    }

    /// <summary>Notes where the keys of each bucket begin, so that a look-up touches one page of a file.</summary>
    private void FillBuckets()
    {
        _bucketBits = Count < KeysPerBucket ? 0 : System.Numerics.BitOperations.Log2((uint)(Count / KeysPerBucket));
        _buckets = new int[(1 << _bucketBits) + 1];
        var bucket = 0;
        for (var i = 0; i < Count; i++)
        {
            for (var its = BucketOf(_sorted[i]); bucket < its;) _buckets[++bucket] = i;
        }

        while (bucket < _buckets.Length - 1) _buckets[++bucket] = Count;
    }

    // Of no bits there is one bucket; a shift by all 128 bits would be one by none.
    private int BucketOf(UInt128 key) => _bucketBits == 0 ? 0 : (int)(key >> (128 - _bucketBits));

    // The first 16 bytes, most significant first: an index segment has the first 20 of each id.
    private static UInt128 KeyOf(ChunkId id)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        id.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes) & ~Repeated;
    }
}
