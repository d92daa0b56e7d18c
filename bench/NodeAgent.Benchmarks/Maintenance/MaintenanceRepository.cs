using System.Diagnostics;
using System.Globalization;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Benchmarks.Maintenance;

/// <summary>
/// A repository of very many small chunks with real trees, for what bench/scenarios/maintenance-scale measures. Eight sessions store an eighth of the data chunks each and
/// publish a snapshot; each of these refers to all that stays of the sessions before it. What is to be forgotten leaves packs that nobody uses (one session) and packs of
/// which half is used (two sessions). All content follows from the seed; only which pack a chunk is in does not.
/// </summary>
internal static class MaintenanceRepository
{
    /// <summary>How much of what a session stores stays: all of it, every second chunk, or nothing.</summary>
    private enum Keeps
    {
        All,
        Half,
        Nothing,
    }

    private static readonly (Keeps Keeps, bool HasSmallFiles)[] Sessions =
    [
        (Keeps.All, false), (Keeps.All, true), (Keeps.Nothing, false), (Keeps.All, false), (Keeps.Half, false), (Keeps.All, true), (Keeps.Half, true), (Keeps.All, false),
    ];

    private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Makes one, and prints each snapshot as "keep ID" or "forget ID".</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var directory, var keyFile, var cache, var chunks, var seed, var largest, var packTarget])
        {
            await Console.Error.WriteLineAsync("usage: maintenance-repository DIRECTORY KEYFILE CACHE CHUNKS SEED LARGEST-CHUNK PACK-BYTES");
            return 2;
        }

        var watch = Stopwatch.StartNew();
        using var secret = RepositorySecret.FromKeyFile(await File.ReadAllBytesAsync(keyFile));
        var parameters = RepositoryParameters.Default with { PackTarget = Number(packTarget) };
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(directory), secret, parameters, TimeProvider.System, default)).DisposeAsync();
        await using var repository = await ChunkRepository.OpenAsync(new DirectoryStore(directory), secret, new RepositoryOpenOptions { IndexCacheDirectory = cache }, default);
        var content = new MaintenanceContent(ulong.Parse(seed, CultureInfo.InvariantCulture), Number(largest));
        var stays = new List<TreeEntry>();
        for (var i = 0; i < Sessions.Length; i++)
        {
            var (keeps, hasSmallFiles) = Sessions[i];
            await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), default);
            var units = content.Units(i, hasSmallFiles, Number(chunks) / Sessions.Length, isHalved: keeps == Keeps.Half);
            var (kept, dropped) = await WriteUnitsAsync(repository, session, content, units, keeps);
            if (kept.Length > 0) stays.Add(await DirectoryAsync(repository, session, $"s{i}", kept));
            TreeEntry[] top = dropped.Length == 0 ? [.. stays] : [.. stays, await DirectoryAsync(repository, session, $"t{i}", dropped)];
            var manifest = new SnapshotManifest
            {
                Time = Begin.AddDays(i),
                Completed = Begin.AddDays(i).AddHours(1),
                Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/generated" },
                Root = RootEntry.Encode(await DirectoryAsync(repository, session, "", top)),
            };
            var id = await session.PublishAsync(manifest.ToJson(), default);
            Console.WriteLine($"{(keeps == Keeps.All ? "keep" : "forget")} {id}");
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"session {i + 1} of {Sessions.Length}: {repository.Index.Count:N0} chunks after {watch.Elapsed.TotalSeconds:F0} s"));
        }

        return 0;
    }

    private static async Task<(TreeEntry[] Kept, TreeEntry[] Dropped)> WriteUnitsAsync(ChunkRepository repository, WriteSession session, MaintenanceContent content, IReadOnlyList<DirectoryUnit> units, Keeps keeps)
    {
        var kept = new TreeEntry[keeps == Keeps.Nothing ? 0 : units.Count];
        var dropped = new TreeEntry[keeps == Keeps.All ? 0 : units.Count];
        await Parallel.ForAsync(0, units.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, async (i, _) =>
        {
            var made = await content.WriteAsync(repository, session, units[i]);
            if (keeps != Keeps.Nothing) kept[i] = made[0];
            if (keeps != Keeps.All) dropped[i] = made[^1];
        });
        return (kept, dropped);
    }

    /// <summary>Stores a directory of entries in order.</summary>
    internal static async Task<TreeEntry> DirectoryAsync(ChunkRepository repository, WriteSession session, string name, IEnumerable<TreeEntry> entries)
    {
        using var writer = new DirectoryWriter(async (kind, plain, token) => (await session.StoreAsync(kind, plain, token)).Id, repository.Config.Parameters.Trees, repository.Gear);
        foreach (var entry in entries) await writer.AddAsync(entry, default);
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = System.Text.Encoding.ASCII.GetBytes(name), Mode = 0x1ED };
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, default));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
