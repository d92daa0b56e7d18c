using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Benchmarks.Index;

/// <summary>
/// The index of a whole repository at a size that BenchmarkDotNet is not made for: generated segments and packs (of the right size, without content), then opening and
/// looking up as the product does. Each step is a process of its own, so that its memory can be told. bench/scenarios/index-scale runs all.
/// </summary>
internal static class IndexScale
{
    private const int ChunksPerPack = 64;
    private const int PacksPerSegment = 1024;
    private const int Lookups = 4_000_000;

    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    public static async Task<int> RunAsync(string[] args)
    {
        switch (args)
        {
            case ["generate", var directory, var chunks]:
                await GenerateAsync(directory, long.Parse(chunks, CultureInfo.InvariantCulture));
                return 0;
            case ["open", var directory, var cache]:
                await using (await OpenAsync(directory, cache, IndexCacheLimits.Default))
                {
                }

                return 0;
            case ["memory", var directory]:
                await using (await OpenAsync(directory, null, new IndexCacheLimits(long.MaxValue, long.MaxValue)))
                {
                }

                return 0;
            case ["lookup", var directory, var cache]:
                await using (var repository = await OpenAsync(directory, cache, IndexCacheLimits.Default)) Measure(repository);
                return 0;
            case ["update", var directory, var cache]:
                await UpdateAsync(directory, cache);
                return 0;
            default:
                await Console.Error.WriteLineAsync("usage: index-scale generate DIRECTORY CHUNKS | open DIRECTORY CACHE | update DIRECTORY CACHE | lookup DIRECTORY CACHE | memory DIRECTORY");
                return 2;
        }
    }

    private static async Task GenerateAsync(string directory, long chunks)
    {
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(directory), RepositorySecret.FromKey(Key), RepositoryParameters.Default, TimeProvider.System, default)).DisposeAsync();
        await AddAsync(directory, 0, chunks);
    }

    private static async Task AddAsync(string directory, long from, long to)
    {
        var store = new DirectoryStore(directory);
        await using var repository = await ChunkRepository.OpenAsync(store, RepositorySecret.FromKey(Key), new RepositoryOpenOptions(), default);
        while (from < to)
        {
            // A session for each segment, as from a run that stored some 64 GiB.
            using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
            var session = BinaryPrimitives.ReadUInt64BigEndian(cipher.Salt);
            var packs = new List<PackContents>();
            for (; packs.Count < PacksPerSegment && from < to; from += ChunksPerPack)
            {
                var content = new PackedChunk[Math.Min(ChunksPerPack, to - from)];
                long size = ObjectHeader.Length;
                for (var i = 0; i < content.Length; i++)
                {
                    var plain = 50_000 + (int)(Mix((ulong)(from + i)) % 500_000);
                    content[i] = new PackedChunk(IdOf((ulong)(from + i)), ChunkKind.Data, cipher.Identity, (plain / 2) + EnvelopeCipher.Overhead, plain);
                    size += content[i].StoredLength;
                }

                var pack = new PackContents(new PackId(session, IdOf(~(ulong)from)), size + 10_000, content);
                packs.Add(pack);
                var path = Path.Combine(directory, pack.Pack.Key);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
                RandomAccess.SetLength(file, pack.Size);
            }

            var sealedSegment = repository.Objects.Seal(cipher, ObjectKind.Index, EnvelopeType.IndexSegment, new IndexSegment(packs, []).Encode());
            await store.PutAsync(ChunkRepository.SegmentKey(session.ToString("x16", CultureInfo.InvariantCulture), sealedSegment), sealedSegment, default);
        }

        var segments = new DirectoryInfo(Path.Combine(directory, "index", "delta")).GetFiles();
        Print($"{to:N0} chunks in {Directory.GetFiles(Path.Combine(directory, "data"), "*", SearchOption.AllDirectories).Length:N0} packs; {segments.Length:N0} segments of {segments.Sum(s => s.Length):N0} bytes: {segments.Sum(s => s.Length) / (double)to:F1} a chunk");
    }

    /// <summary>Adds more than may be in memory beside the base, and makes the next one.</summary>
    private static async Task UpdateAsync(string directory, string cache)
    {
        long count;
        await using (var repository = await OpenAsync(directory, cache, IndexCacheLimits.Default)) count = repository.Index.Count;
        await AddAsync(directory, count, count + 2_000_000);
        await using var updated = await OpenAsync(directory, cache, IndexCacheLimits.Default);
    }

    private static async Task<ChunkRepository> OpenAsync(string directory, string? cache, IndexCacheLimits limits)
    {
        var before = Status("RssAnon");
        var processor = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(directory), RepositorySecret.FromKey(Key), new RepositoryOpenOptions { IndexCacheDirectory = cache, IndexCacheLimits = limits }, default);
        var opened = watch.Elapsed;
        await repository.LoadIndexAsync(default);
        var loaded = watch.Elapsed;
        var index = repository.Index;
        Print($"opened in {opened.TotalMilliseconds:F0} ms, index loaded in {(loaded - opened).TotalSeconds:F2} s, both {(Environment.CpuUsage.TotalTime - processor).TotalSeconds:F2} s of processor: {index.Count:N0} chunks, {index.RecentCount:N0} of their locations in memory");
        if (index.Base is { } settled)
            Print($"base: {settled.FileLength:N0} bytes, {settled.FileLength / (double)settled.ChunkCount:F2} a chunk");
        Print($"memory: peak {Status("VmHWM") / 1048576.0:F0} MiB resident; now {Status("RssAnon") / 1048576.0:F0} MiB anonymous (before opening {before / 1048576.0:F0}), {Status("RssFile") / 1048576.0:F0} MiB of files");
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Print($"heap after collection: {GC.GetTotalMemory(true):N0} bytes, {GC.GetTotalMemory(true) / (double)index.Count:F2} a chunk");
        return repository;
    }

    private static void Measure(ChunkRepository repository)
    {
        var index = repository.Index;
        var count = (ulong)index.Count;
        // The base alone, without listing the packs: what opening costs beyond the store.
        var settled = index.Base ?? throw new InvalidOperationException("the index is too small for a base");
        for (var round = 0; round < 2; round++)
        {
            var name = round == 0 ? "first" : "again";
            Rate($"hit, {name}", i => index.Contains(IdOf(Mix(i) % count)), true);
            Rate($"miss with filter, {name}", i => index.Contains(IdOf(count + 1 + (i * 7))), false);
        }

        settled.UsesFilter = false;
        Rate("miss without filter", i => index.Contains(IdOf(count + 1 + (i * 7))), false);
        settled.UsesFilter = true;
        Rate("location of a hit", i => index.TryFind(IdOf(Mix(i) % count), out _), true);
        Rate("making the ids alone", i => IdOf(Mix(i) % count) != default, true);

        // What the filter lets through of chunks that are not there.
        var passed = 0;
        for (ulong i = 0; i < 1_000_000; i++) passed += settled.MayContain(ChunkPrefix.Of(IdOf(count + 1 + (i * 7)))) ? 1 : 0;
        Print($"filter: {passed / 10_000.0:F3} % of absent chunks pass");

        var watch = Stopwatch.StartNew();
        settled.VerifyAll();
        Print($"all checksums, what is left of them: {watch.Elapsed.TotalMilliseconds:F0} ms");
        watch.Restart();
        var used = Environment.CpuUsage.TotalTime;
        var chunks = index.EnumerateChunks().LongCount();
        Print($"all chunks with their locations enumerated: {chunks:N0} in {watch.Elapsed.TotalSeconds:F1} s, {(Environment.CpuUsage.TotalTime - used).TotalSeconds:F1} s of processor");
        Print($"memory: peak {Status("VmHWM") / 1048576.0:F0} MiB resident; now {Status("RssAnon") / 1048576.0:F0} MiB anonymous, {Status("RssFile") / 1048576.0:F0} MiB of files");
    }

    private static void Rate(string what, Func<ulong, bool> ask, bool expected)
    {
        var processor = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        for (ulong i = 0; i < Lookups; i++)
        {
            if (ask(i) != expected) throw new InvalidOperationException($"{what}: the answer to {i} is wrong");
        }

        var used = Environment.CpuUsage.TotalTime - processor;
        Print($"{what}: {watch.Elapsed.TotalNanoseconds / Lookups:F0} ns by the clock, {used.TotalNanoseconds / Lookups:F0} ns of processor: {Lookups / used.TotalSeconds / 1e6:F2} million a second and core");
    }

    private static ChunkId IdOf(ulong number)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        for (var i = 0; i < 4; i++) BinaryPrimitives.WriteUInt64LittleEndian(bytes[(8 * i)..], Mix((number * 4) + (ulong)i));
        return new ChunkId(bytes);
    }

    private static ulong Mix(ulong value)
    {
        value += 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }

    private static long Status(string field) =>
        File.ReadLines("/proc/self/status").Where(l => l.StartsWith(field + ":", StringComparison.Ordinal))
            .Select(l => long.Parse(l.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024).FirstOrDefault();

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
