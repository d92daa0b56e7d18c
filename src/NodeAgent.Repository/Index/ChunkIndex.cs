using System.Runtime.InteropServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Where every chunk is, in memory: open addressing over the first 20 bytes of the id, matched exactly. 40 bytes a slot,
/// at most three quarters full. Thread-safe.
/// </summary>
internal sealed class ChunkIndex
{
    /// <summary>Bytes of an id that the index keeps: two among 2^37 chunks are equal with probability 2^-87.</summary>
    public const int PrefixLength = 20;

    private const int InitialCapacity = 1024;

    private readonly Lock _gate = new();
    private readonly List<PackId> _packs = [];
    private readonly Dictionary<PackId, int> _ordinals = [];
    private readonly List<PackStanding> _standings = [];
    private Slot[] _slots = new Slot[InitialCapacity];
    private int _count;

    /// <summary>Distinct chunks.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _count;
        }
    }

    /// <summary>The packs that the index knows.</summary>
    public IReadOnlyList<PackId> Packs
    {
        get
        {
            lock (_gate) return [.. _packs];
        }
    }

    /// <summary>Counts and sums over all chunks.</summary>
    public RepositoryStatistics Sum()
    {
        lock (_gate)
        {
            long plain = 0, stored = 0;
            var chunks = 0;
            foreach (ref readonly var slot in _slots.AsSpan())
            {
                if (!slot.IsUsed || _standings[slot.Pack] != PackStanding.Named) continue;
                chunks++;
                plain += slot.PlainLength;
                stored += slot.StoredLength;
            }

            return new RepositoryStatistics(_standings.Count(s => s == PackStanding.Named), chunks, plain, stored);
        }
    }

    /// <summary>
    /// Adds a pack's chunks. A chunk that is known already keeps its location, unless that one counts for less than the new one. A pack that is
    /// known keeps its standing; its chunks are offered again.
    /// </summary>
    public void Add(PackContents contents, PackStanding standing = PackStanding.Named)
    {
        lock (_gate)
        {
            if (!_ordinals.TryGetValue(contents.Pack, out var ordinal))
            {
                ordinal = _packs.Count;
                _packs.Add(contents.Pack);
                _ordinals.Add(contents.Pack, ordinal);
                _standings.Add(standing);
            }

            var offset = (uint)ObjectHeader.Length;
            foreach (var chunk in contents.Chunks)
            {
                Insert(new Slot(chunk.Id, ordinal, offset, (uint)chunk.StoredLength, (uint)chunk.PlainLength, chunk.Kind));
                offset += (uint)chunk.StoredLength;
            }
        }
    }

    public bool Knows(PackId pack)
    {
        lock (_gate) return _ordinals.ContainsKey(pack);
    }

    /// <summary>Whether the pack was missing or cut short when the index was loaded.</summary>
    public bool IsLost(PackId pack)
    {
        lock (_gate) return _ordinals.TryGetValue(pack, out var ordinal) && _standings[ordinal] == PackStanding.Lost;
    }

    /// <summary>How far a pack can be relied on; null when the index does not know it.</summary>
    public PackStanding? StandingOf(PackId pack)
    {
        lock (_gate) return _ordinals.TryGetValue(pack, out var ordinal) ? _standings[ordinal] : null;
    }

    /// <summary>Changes how far a pack can be relied on. A pack that is not known is passed over.</summary>
    /// <remarks>A chunk keeps its location: another one that counts for more is taken when a pack that has it is added, again if need be.</remarks>
    public void SetStanding(PackId pack, PackStanding standing)
    {
        lock (_gate)
        {
            if (_ordinals.TryGetValue(pack, out var ordinal)) _standings[ordinal] = standing;
        }
    }

    /// <summary>Whether a chunk is there for good: named by the index, in a pack that is neither lost nor condemned.</summary>
    public bool Contains(ChunkId id)
    {
        lock (_gate)
        {
            ref var slot = ref _slots[Find(_slots, new Slot(id))];
            return slot.IsUsed && _standings[slot.Pack] == PackStanding.Named;
        }
    }

    /// <summary>Where a chunk is, or was when its pack is lost; also when only the pack itself names it.</summary>
    public bool TryFind(ChunkId id, out ChunkLocation location)
    {
        lock (_gate)
        {
            ref var slot = ref _slots[Find(_slots, new Slot(id))];
            if (!slot.IsUsed)
            {
                location = default;
                return false;
            }

            location = new ChunkLocation(_packs[slot.Pack], slot.Offset, (int)slot.StoredLength, (int)slot.PlainLength, slot.Kind);
            return true;
        }
    }

    private void Insert(Slot added)
    {
        if (_count + 1 > _slots.Length / 4 * 3)
        {
            var larger = new Slot[_slots.Length * 2];
            foreach (var slot in _slots)
            {
                if (slot.IsUsed) larger[Find(larger, slot)] = slot;
            }

            _slots = larger;
        }

        ref var place = ref _slots[Find(_slots, added)];
        if (place.IsUsed)
        {
            if (_standings[added.Pack] < _standings[place.Pack]) place = added;
            return;
        }

        place = added;
        _count++;
    }

    private static int Find(Slot[] slots, in Slot wanted)
    {
        var mask = slots.Length - 1;
        // Ids are keyed hashes: nobody without the key can choose ones that collide here.
        var at = (int)wanted.First & mask;
        while (slots[at].IsUsed && !slots[at].HasIdOf(wanted)) at = (at + 1) & mask;
        return at;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly struct Slot
    {
        public readonly ulong First;
        private readonly ulong _second;
        private readonly uint _third;
        public readonly int Pack;
        public readonly uint Offset;
        public readonly uint StoredLength;
        private readonly uint _plainLengthAndKind;

        public Slot(ChunkId id)
        {
            Span<byte> bytes = stackalloc byte[ChunkId.Length];
            id.CopyTo(bytes);
            First = MemoryMarshal.Read<ulong>(bytes);
            _second = MemoryMarshal.Read<ulong>(bytes[8..]);
            _third = MemoryMarshal.Read<uint>(bytes[16..]);
        }

        public Slot(ChunkId id, int pack, uint offset, uint storedLength, uint plainLength, ChunkKind kind)
            : this(id)
        {
            Pack = pack;
            Offset = offset;
            StoredLength = storedLength;
            // A chunk has at most 16 MiB, so 25 bits hold its length; no kind is 0, so a used slot is never 0 here.
            _plainLengthAndKind = (plainLength << 3) | (uint)kind;
        }

        public bool IsUsed => _plainLengthAndKind != 0;

        public uint PlainLength => _plainLengthAndKind >> 3;

        public ChunkKind Kind => (ChunkKind)(_plainLengthAndKind & 7);

        public bool HasIdOf(in Slot other) => First == other.First && _second == other._second && _third == other._third;
    }
}
