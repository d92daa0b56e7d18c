namespace NodeAgent.Repository.Index;

/// <summary>
/// Sorts more entries than memory holds: they are dealt out over 256 partitions by the first byte of the id, kept in one file in blocks of one
/// partition each, and a partition at a time is sorted in memory. Ids are as good as random, so that partitions are equally large.
/// </summary>
internal sealed class PartitionedSpill(string directory) : IDisposable
{
    public const int Partitions = 256;
    private const int BlockEntries = 512;

    private readonly byte[]?[] _open = new byte[Partitions][];
    private readonly int[] _filled = new int[Partitions];
    private readonly List<long>[] _blocks = [.. Enumerable.Range(0, Partitions).Select(_ => new List<long>())];
    private TemporaryFile? _file;

    public long Count { get; private set; }

    public void Add(in BaseEntry entry)
    {
        var partition = (int)(entry.Id.High >> 56);
        var block = _open[partition] ??= new byte[BlockEntries * BaseEntry.SpillLength];
        entry.Spill(block.AsSpan(_filled[partition]));
        Count++;
        if ((_filled[partition] += BaseEntry.SpillLength) < block.Length) return;
        _file ??= new TemporaryFile(directory);
        _blocks[partition].Add(_file.Length);
        _file.Append(block);
        _filled[partition] = 0;
    }

    /// <summary>One partition's entries, sorted.</summary>
    public BaseEntry[] Read(int partition)
    {
        var entries = new BaseEntry[(_blocks[partition].Count * BlockEntries) + (_filled[partition] / BaseEntry.SpillLength)];
        var at = 0;
        if (_blocks[partition].Count > 0)
        {
            var block = new byte[BlockEntries * BaseEntry.SpillLength];
            foreach (var offset in _blocks[partition])
            {
                _file!.Read(offset, block);
                Take(block);
            }
        }

        if (_open[partition] is { } last) Take(last.AsSpan(0, _filled[partition]));
        Array.Sort(entries);
        return entries;

        void Take(ReadOnlySpan<byte> spilled)
        {
            for (; !spilled.IsEmpty; spilled = spilled[BaseEntry.SpillLength..]) entries[at++] = BaseEntry.ReadSpilled(spilled);
        }
    }

    public void Dispose() => _file?.Dispose();
}
