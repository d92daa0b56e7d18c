using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Benchmarks.Maintenance;

/// <summary>Files whose chunks are random bytes of random lengths, the same for the same seed. Large files have content lists of their own, small ones a few chunks each.</summary>
/// <param name="seed">What all follows from.</param>
/// <param name="largest">Bytes of the largest chunk; the smallest has a seventh of it.</param>
internal sealed class MaintenanceContent(ulong seed, int largest)
{
    private const int LargeFiles = 16;
    private const int LargestFile = 2000;
    private const int SmallFiles = 1000;
    private const int LargestSmallFile = 3;

    /// <summary>The directories of a session, of so many data chunks in all or a few more.</summary>
    public IReadOnlyList<DirectoryUnit> Units(int session, bool hasSmallFiles, int chunks, bool isHalved)
    {
        var units = new List<DirectoryUnit>();
        var copies = isHalved ? 2 : 1;
        for (long stored = 0; stored < chunks;)
        {
            var unitSeed = Mix(Mix(seed + (ulong)session) + (ulong)units.Count);
            var random = new Stream(unitSeed);
            var files = new List<int>();
            while (stored < chunks && files.Count < (hasSmallFiles ? SmallFiles : LargeFiles))
            {
                files.Add(1 + random.Below(hasSmallFiles ? LargestSmallFile : LargestFile));
                stored += files[^1] * copies;
            }

            units.Add(new DirectoryUnit(unitSeed, units.Count.ToString("D7", CultureInfo.InvariantCulture), [.. files], copies));
        }

        return units;
    }

    /// <summary>Stores a unit; gives its directories.</summary>
    public async Task<TreeEntry[]> WriteAsync(ChunkRepository repository, WriteSession session, DirectoryUnit unit)
    {
        ChunkSink sink = async (kind, plain, token) => (await session.StoreAsync(kind, plain, token)).Id;
        var random = new Stream(Mix(unit.Seed));
        var plain = new byte[(largest / 8 * 8) + 8];
        var writers = Enumerable.Range(0, unit.Copies).Select(_ => new ContentListWriter(sink)).ToArray();
        var entries = writers.Select(_ => new List<TreeEntry>()).ToArray();
        for (var file = 0; file < unit.FileChunks.Length; file++)
        {
            for (var chunk = 0; chunk < unit.FileChunks[file]; chunk++)
            {
                // In turns, so that packs hold some of each.
                foreach (var writer in writers)
                {
                    var length = (largest / 7) + random.Below(largest - (largest / 7));
                    random.Fill(plain);
                    await writer.AddAsync(ContentItem.Data(await sink(ChunkKind.Data, plain.AsMemory(0, length), default), length), default);
                }
            }

            for (var i = 0; i < writers.Length; i++)
            {
                var size = writers[i].Length;
                entries[i].Add(new TreeEntry
                {
                    Type = TreeEntryType.RegularFile,
                    Name = Encoding.ASCII.GetBytes(file.ToString("D5", CultureInfo.InvariantCulture)),
                    Mode = 0x1A4,
                    UserId = 1000,
                    GroupId = 1000,
                    Modified = new FileTimestamp(1_700_000_000 + random.Below(1_000_000), (uint)random.Below(1_000_000_000)),
                    Inode = (ulong)random.Below(int.MaxValue),
                    Size = size,
                    Content = await writers[i].CompleteAsync(default),
                });
            }
        }

        foreach (var writer in writers) writer.Dispose();
        var made = new TreeEntry[writers.Length];
        for (var i = 0; i < made.Length; i++) made[i] = await MaintenanceRepository.DirectoryAsync(repository, session, unit.Name, entries[i]);
        return made;
    }

    private static ulong Mix(ulong value)
    {
        value += 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }

    /// <summary>Random numbers that are the same on every machine and version (SplitMix64).</summary>
    private sealed class Stream(ulong state)
    {
        private ulong _state = state;

        public int Below(int limit) => (int)(Next() % (ulong)limit);

        public void Fill(Span<byte> bytes)
        {
            foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(bytes)) word = Next();
        }

        private ulong Next() => Mix(_state += 0x9e3779b97f4a7c15);
    }
}
