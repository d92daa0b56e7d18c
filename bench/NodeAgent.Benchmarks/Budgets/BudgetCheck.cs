using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Benchmarks.Budgets;

/// <summary>
/// Ratios within one process and allocations, compared with bench/budgets.json: what a change makes much slower or hungrier is seen on any machine, however
/// loaded, since processor time is compared with that of a plain loop (SHA-256 and zstd over the same bytes) of the same moment, and allocations are counted.
/// </summary>
internal static class BudgetCheck
{
    private const int Rounds = 3;
    private const double LargeMebibytes = BudgetTree.LargeFiles * BudgetTree.LargeLength / 1048576.0;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var file, .. var options] || options is not ([] or ["--update"]))
        {
            await Console.Error.WriteLineAsync("usage: budgets FILE [--update]");
            return 2;
        }

        if (ZstdCodec.Preferred != ZstdImplementation.Native)
        {
            await Console.Error.WriteLineAsync("budgets: libzstd is not here, with which the ratios were measured (install libzstd1)");
            return 2;
        }

        var place = Directory.CreateTempSubdirectory("nodeagent-budgets.").FullName;
        try
        {
            var measured = await MeasureAsync(place);
            return options is ["--update"] ? Update(file, measured) : Compare(file, measured);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static async Task<List<Budget>> MeasureAsync(string place)
    {
        var large = Path.Combine(place, "large");
        var small = Path.Combine(place, "small");
        var content = BudgetTree.MakeLarge(large);
        BudgetTree.MakeSmall(small);

        // The first round warms up: the compiler's work is not what is measured. Of the others the best counts.
        List<Dictionary<string, (double Seconds, double Bytes)>> rounds = [];
        for (var i = 0; i <= Rounds; i++)
        {
            var round = new Dictionary<string, (double Seconds, double Bytes)>();
            await TakeAsync("loop", () => Task.Run(() => PlainLoop(content)));
            await TakeAsync("walk", () => Task.Run(() => PlainWalk(small)));
            await TakeTreeAsync("large", large);
            await TakeTreeAsync("small", small);
            if (i > 0) rounds.Add(round);

            async Task TakeAsync(string name, Func<Task> act)
            {
                var bytes = GC.GetTotalAllocatedBytes(precise: true);
                var before = Environment.CpuUsage.TotalTime;
                await act();
                round[name] = ((Environment.CpuUsage.TotalTime - before).TotalSeconds, GC.GetTotalAllocatedBytes(precise: true) - bytes);
            }

            async Task TakeTreeAsync(string name, string source)
            {
                var store = new DirectoryStore(Path.Combine(place, $"repository-{name}"));
                using var secret = RepositorySecret.FromKey([.. Enumerable.Range(1, 32).Select(n => (byte)n)]);
                var target = Path.Combine(place, "restored");
                await (await ChunkRepository.InitializeAsync(store, secret, RepositoryParameters.Default, TimeProvider.System, default)).DisposeAsync();
                await using (var repository = await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { IndexCacheDirectory = null }, default))
                {
                    var request = new BackupRequest { SourcePath = source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = source } };
                    BackupResult? backup = null;
                    await TakeAsync($"{name} first", async () => backup = await BackupRun.ExecuteAsync(repository, request, null, default));
                    await TakeAsync($"{name} unchanged", () => BackupRun.ExecuteAsync(repository, request, null, default));
                    await TakeAsync($"{name} restore", () => RestoreRun.ExecuteAsync(repository, backup!.Manifest, new RestoreRequest { TargetPath = target }, null, default));
                    await TakeAsync($"{name} check", () => new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(default));
                }

                Directory.Delete(Path.Combine(place, $"repository-{name}"), recursive: true);
                Directory.Delete(target, recursive: true);
            }
        }

        List<Budget> budgets = [];
        foreach (var step in (string[])["first", "restore", "check"])
        {
            Ratio($"{step}.large.cpu", $"large {step}", "loop", $"processor time of {step} of large files, to SHA-256 and zstd of the same bytes");
            Allocation($"{step}.large.bytesPerMiB", $"large {step}", LargeMebibytes, $"bytes allocated a MiB in {step} of large files");
        }

        foreach (var step in (string[])["first", "unchanged", "restore", "check"])
        {
            Ratio($"{step}.small.cpu", $"small {step}", "walk", $"processor time of {step} of small files, to listing and opening them");
            Allocation($"{step}.small.bytesPerFile", $"small {step}", BudgetTree.SmallFiles, $"bytes allocated a file in {step} of small files");
        }

        return budgets;

        // Each ratio is of one round, so that a machine whose speed drifts does not show.
        void Ratio(string name, string step, string to, string explanation) =>
            budgets.Add(new Budget(name, rounds.Min(r => r[step].Seconds / r[to].Seconds), explanation));

        void Allocation(string name, string step, double units, string explanation) =>
            budgets.Add(new Budget(name, rounds.Min(r => r[step].Bytes) / units, explanation));
    }

    /// <summary>What anybody would write: hash and compress, a megabyte at a time, on one thread.</summary>
    private static void PlainLoop(byte[] content)
    {
        using var codec = new ZstdCodec();
        var destination = new byte[ZstdCodec.CompressBound(1 << 20)];
        Span<byte> hash = stackalloc byte[32];
        for (var at = 0; at < content.Length; at += 1 << 20)
        {
            SHA256.HashData(content.AsSpan(at, 1 << 20), hash);
            codec.Compress(content.AsSpan(at, 1 << 20), destination, 3);
        }
    }

    /// <summary>Lists a tree and opens each of its files, ten times: one alone is too short to be told.</summary>
    private static void PlainWalk(string tree)
    {
        for (var i = 0; i < 10; i++)
        {
            foreach (var path in Directory.EnumerateFiles(tree, "*", SearchOption.AllDirectories))
            {
                using var file = File.OpenHandle(path);
            }
        }
    }

    private static int Update(string file, List<Budget> measured)
    {
        var budgets = new JsonObject();
        foreach (var figure in measured) budgets[figure.Name] = new JsonObject { ["is"] = Rounded(figure.Value), ["fails"] = Rounded(LimitOf(figure)), ["what"] = figure.Explanation };
        File.WriteAllText(file, budgets.ToJsonString(Indented) + "\n");
        Console.WriteLine($"{measured.Count} budgets written to {file}");
        return 0;
    }

    /// <summary>Wide enough that no loaded machine comes near it by itself.</summary>
    private static double LimitOf(Budget figure)
    {
        if (figure.Name.EndsWith(".cpu", StringComparison.Ordinal)) return figure.Value * 2.5;
        // Of large files: whether buffers of megabytes are taken from a pool or made is a matter of luck, one for a MiB at most.
        return figure.Name.EndsWith(".bytesPerMiB", StringComparison.Ordinal) ? (figure.Value * 1.5) + (1 << 20) : figure.Value * 1.5;
    }

    private static int Compare(string file, List<Budget> measured)
    {
        var budgets = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        var passed = 0;
        Console.WriteLine($"{"budget",-32} {"measured",12} {"usual",12} {"limit",12}");
        foreach (var figure in measured)
        {
            var budget = budgets[figure.Name];
            var limit = budget?["fails"]?.GetValue<double>() ?? 0;
            var isOver = !(figure.Value <= limit);
            if (isOver) passed++;
            Console.WriteLine($"{figure.Name,-32} {Text(figure.Value),12} {Text(budget?["is"]?.GetValue<double>() ?? 0),12} {Text(limit),12}{(budget is null ? "  has no budget" : isOver ? "  PASSED" : "")}");
        }

        var gone = budgets.Select(b => b.Key).Except(measured.Select(m => m.Name)).ToList();
        foreach (var name in gone) Console.WriteLine($"{name,-32} is in {file} and was not measured");
        if (passed + gone.Count == 0) return 0;
        Console.Error.WriteLine($"budgets: {passed + gone.Count} of {measured.Count} are passed or missing (what was made slower or hungrier is to be mended; bench/scenarios/budgets --update sets new ones, with the reason in the commit)");
        return 1;
    }

    private static double Rounded(double value) => Math.Round(value, value < 10 ? 3 : value < 1000 ? 1 : 0);

    private static string Text(double value) => Rounded(value).ToString(CultureInfo.InvariantCulture);
}
