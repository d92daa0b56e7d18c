using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// The part of the index that is in memory: what segments said since the base was built, or all of a small repository. Every
/// location of every chunk, matched exactly by 20 bytes: 40 bytes a location and 5 to 11 of the table. Not thread-safe.
/// </summary>
internal sealed class RecentChunks
{
    private const int PageBits = 12;
    private const int PageSize = 1 << PageBits;
    private const int InitialCapacity = 1024;

    private readonly List<Entry[]> _pages = [];
    private readonly List<RecentPack> _packs = [];
    private readonly Dictionary<PackId, int> _ordinals = [];

    // Entry number + 1 of the first location of a chunk; 0 is free.
    private int[] _table = new int[InitialCapacity];

    /// <summary>Locations; numbers of entries are below it and never change.</summary>
    public int EntryCount { get; private set; }

    /// <summary>Distinct chunks.</summary>
    public int ChunkCount { get; private set; }

    public IReadOnlyList<RecentPack> Packs => _packs;

    public bool TryGetPack(PackId pack, out int ordinal) => _ordinals.TryGetValue(pack, out ordinal);

    public void SetStanding(int pack, PackStanding standing) => CollectionsMarshal.AsSpan(_packs)[pack].Standing = standing;

    public PackStanding StandingOf(int pack) => CollectionsMarshal.AsSpan(_packs)[pack].Standing;

    /// <summary>Adds a pack that is not there yet.</summary>
    /// <param name="contents">The pack.</param>
    /// <param name="standing">Its standing.</param>
    /// <param name="onNew">Told of each chunk that had no location here.</param>
    public void Add(PackContents contents, PackStanding standing, Action<ChunkPrefix> onNew)
    {
        var ordinal = _packs.Count;
        _ordinals.Add(contents.Pack, ordinal);
        _packs.Add(new RecentPack(contents.Pack, contents.Size, EntryCount, contents.Chunks.Count) { Standing = standing });
        var offset = (uint)ObjectHeader.Length;
        foreach (var chunk in contents.Chunks)
        {
            Append(new Entry(ChunkPrefix.Of(chunk.Id), ordinal, offset, (uint)chunk.StoredLength, (uint)chunk.PlainLength, chunk.Kind), onNew);
            offset += (uint)chunk.StoredLength;
        }
    }

    /// <summary>The entry of a chunk's first location, or -1.</summary>
    public int Find(in ChunkPrefix id) => _table[Slot(id)] - 1;

    /// <summary>The next location of the same chunk, or -1.</summary>
    public int Next(int entry) => At(entry).Next - 1;

    /// <summary>Whether this entry is its chunk's first location.</summary>
    public bool IsFirst(int entry) => Find(At(entry).Id) == entry;

    public ChunkPrefix IdOf(int entry) => At(entry).Id;

    public int PackOf(int entry) => At(entry).Pack;

    public ChunkLocation LocationOf(int entry)
    {
        ref readonly var found = ref At(entry);
        return new ChunkLocation(_packs[found.Pack].Pack, found.Offset, (int)found.StoredLength, (int)found.PlainLength, found.Kind);
    }

    /// <summary>Moves a pack with its locations from another table into this one.</summary>
    public void CopyPack(RecentChunks from, int pack, Action<ChunkPrefix> onNew)
    {
        var source = from._packs[pack];
        var ordinal = _packs.Count;
        _ordinals.Add(source.Pack, ordinal);
        _packs.Add(source with { FirstEntry = EntryCount });
        for (var i = source.FirstEntry; i < source.FirstEntry + source.Count; i++)
        {
            var entry = from.At(i);
            entry.Pack = ordinal;
            entry.Next = 0;
            Append(entry, onNew);
        }
    }

    private void Append(Entry entry, Action<ChunkPrefix> onNew)
    {
        if (ChunkCount + 1 > _table.Length / 4 * 3) Grow();
        if (EntryCount >> PageBits == _pages.Count) _pages.Add(new Entry[PageSize]);
        ref var head = ref _table[Slot(entry.Id)];
        var number = EntryCount++;
        if (head == 0)
        {
            head = number + 1;
            ChunkCount++;
            At(number) = entry;
            onNew(entry.Id);
            return;
        }

        ref var first = ref At(head - 1);
        entry.Next = first.Next;
        first.Next = number + 1;
        At(number) = entry;
    }

    private void Grow()
    {
        var heads = _table;
        _table = new int[heads.Length * 2];
        foreach (var head in heads)
        {
            if (head != 0) _table[Slot(At(head - 1).Id)] = head;
        }
    }

    private int Slot(in ChunkPrefix id)
    {
        var mask = _table.Length - 1;
        // Ids are keyed hashes: nobody without the key can choose ones that collide here.
        var at = (int)id.High & mask;
        while (_table[at] != 0 && At(_table[at] - 1).Id != id) at = (at + 1) & mask;
        return at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Entry At(int entry) => ref _pages[entry >> PageBits][entry & (PageSize - 1)];

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Entry(ChunkPrefix id, int pack, uint offset, uint storedLength, uint plainLength, ChunkKind kind)
    {
        public readonly ChunkPrefix Id = id;
        public int Pack = pack;
        public readonly uint Offset = offset;
        public readonly uint StoredLength = storedLength;

        // A chunk has at most 16 MiB, so 25 bits hold its length.
        private readonly uint _plainLengthAndKind = (plainLength << 3) | (uint)kind;

        // Entry number + 1, or 0.
        public int Next = 0;

        public readonly uint PlainLength => _plainLengthAndKind >> 3;

        public readonly ChunkKind Kind => (ChunkKind)(_plainLengthAndKind & 7);
    }
}
