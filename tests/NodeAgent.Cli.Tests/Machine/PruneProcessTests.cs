using System.Diagnostics;
using System.Globalization;
using NodeAgent.Cli.Tests.Processes;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>Prunes as processes of their own, beside others, and killed.</summary>
public sealed class PruneProcessTests
{
    private const int Sources = 3;

    private static readonly string[] Prune = ["repo", "prune", "--grace", "0s", "--max-unused", "0%"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_prunes_at_once_beside_backups_of_three_processes_lose_nothing()
    {
        using var machine = await MachineRepository.CreateAsync();
        var random = SeededRandom();
        await MakeGarbageAsync(machine, random);
        var before = await RestoreAllAsync(machine, "before");
        for (var source = 0; source < Sources; source++) Change(machine, source, random);

        var prunes = Enumerable.Range(0, 2).Select(_ => machine.RunAsync(Prune));
        var backups = Enumerable.Range(0, Sources).Select(source => machine.RunAsync("snapshot", "create", SourceOf(machine, source)));
        foreach (var result in await Task.WhenAll([.. prunes, .. backups])) result.Expect(0);

        await ExpectAsync(machine, before, before.Count + Sources);
        // What the backups brought is what their sources hold.
        var latest = await RestoreAllAsync(machine, "latest");
        var sources = Enumerable.Range(0, Sources).Select(source => Fingerprint(SourceOf(machine, source))).ToHashSet();
        Assert.Superset(sources, latest.Values.ToHashSet());
    }

    [Fact]
    public async Task A_prune_that_is_killed_anywhere_is_completed_by_the_next_one()
    {
        var random = SeededRandom();
        for (var round = 0; round < 3; round++)
        {
            using var machine = await MachineRepository.CreateAsync();
            await MakeGarbageAsync(machine, random);
            var before = await RestoreAllAsync(machine, "before");

            var packs = machine.Objects("data");

            // By what is in the repository, not by the clock; where the prune is faster than the look, it is killed a little later, or has ended.
            await KillAsync(machine, Moment(machine, random.Next(4)));

            await ExpectAsync(machine, before, before.Count);
            (await machine.RunAsync(Prune)).Expect(0);
            await ExpectAsync(machine, before, before.Count);
            // What the killed one was about is done: the forgotten snapshots are gone, and so are the packs that held data of theirs. (What the killed one
            // had copied may stay beside, as that of a session which was never heard to end.)
            Assert.Empty((await machine.JsonAsync("snapshot", "list", "--forgotten")).AsArray());
            Assert.Contains(packs, pack => !File.Exists(pack));
        }
    }

    /// <summary>What is to be seen in the repository before a prune is killed.</summary>
    private static Func<bool> Moment(MachineRepository machine, int moment)
    {
        var packs = machine.Objects("data").ToHashSet();
        var segments = machine.Objects("index").ToHashSet();
        return moment switch
        {
            0 => () => Directory.Exists(Path.Combine(machine.Path, "gc")),
            1 => () => Files(machine, "data").Exists(pack => !packs.Contains(pack)),
            2 => () => Files(machine, "index").Exists(segment => !segments.Contains(segment)),
            _ => () => Files(machine, "data").Count(packs.Contains) < packs.Count,
        };
    }

    private static async Task KillAsync(MachineRepository machine, Func<bool> isTime)
    {
        using var prune = NodeAgentProcess.Start(new CommandEnvironment(), [.. Prune, .. machine.Access]);
        // Nobody reads what it says; it is too little to fill a pipe.
        while (!prune.HasExited && !isTime()) await Task.Delay(1, Cancellation);
        if (!prune.HasExited) prune.Kill();
        await prune.WaitForExitAsync(Cancellation);
    }

    /// <summary>Backups of three sources, twice, of which the first ones are forgotten, so that packs hold what is used beside what is not.</summary>
    private static async Task MakeGarbageAsync(MachineRepository machine, Random random)
    {
        for (var source = 0; source < Sources; source++)
        {
            for (var i = 0; i < 6; i++) Put(machine, source, $"file {i}", random);
            await machine.BackUpHereAsync(SourceOf(machine, source));
        }

        var old = (await machine.JsonAsync("snapshot", "list")).AsArray().Select(snapshot => (string)snapshot!["id"]!).ToArray();
        for (var source = 0; source < Sources; source++)
        {
            Change(machine, source, random);
            await machine.BackUpHereAsync(SourceOf(machine, source));
        }

        (await machine.RunAsync(["snapshot", "forget", .. old])).Expect(0);
    }

    private static void Change(MachineRepository machine, int source, Random random)
    {
        for (var i = 0; i < 3; i++) Put(machine, source, $"file {random.Next(6)}", random);
    }

    private static void Put(MachineRepository machine, int source, string name, Random random)
    {
        Directory.CreateDirectory(SourceOf(machine, source));
        File.WriteAllBytes(Path.Combine(SourceOf(machine, source), name), MachineRepository.Noise(random.Next(100, 400_000), random.Next()));
    }

    private static string SourceOf(MachineRepository machine, int source) => machine.Files[string.Create(CultureInfo.InvariantCulture, $"source{source}")];

    /// <summary>Every snapshot that was there restores as it did, there are as many as there should be, and all data is sound.</summary>
    private static async Task ExpectAsync(MachineRepository machine, Dictionary<SnapshotId, string> before, int count)
    {
        var now = await RestoreAllAsync(machine, "now");
        Assert.Equal(count, now.Count);
        foreach (var (id, content) in before) Assert.Equal(content, now[id]);
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
    }

    private static async Task<Dictionary<SnapshotId, string>> RestoreAllAsync(MachineRepository machine, string target)
    {
        var all = new Dictionary<SnapshotId, string>();
        await using var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(machine.Path), RepositorySecret.FromKey(Convert.FromHexString((await File.ReadAllTextAsync(machine.KeyFile, Cancellation)).Trim())), new RepositoryOpenOptions(), Cancellation);
        foreach (var snapshot in await new SnapshotCatalog(repository).ListAsync(null, Cancellation))
        {
            var directory = Path.Combine(machine.Files[target], snapshot.Id.ToString());
            var result = await RestoreRun.ExecuteAsync(repository, snapshot.Manifest, new RestoreRequest { TargetPath = directory }, null, Cancellation);
            Assert.Empty(result.Issues);
            all.Add(snapshot.Id, Fingerprint(directory));
            Directory.Delete(directory, recursive: true);
        }

        return all;
    }

    private static string Fingerprint(string directory) => string.Join(
        '\n', Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal).Select(file => $"{Path.GetFileName(file)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))}"));

    private static List<string> Files(MachineRepository machine, string prefix)
    {
        try
        {
            return machine.Objects(prefix);
        }
        catch (IOException)
        {
            return []; // something was removed while it was looked at; the next look tells
        }
    }

    private static Random SeededRandom()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"NODEAGENT_SEED={seed}");
        return new Random(seed);
    }
}
