using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Removes data that no snapshot uses. Backups, restores and other prunes may run meanwhile.</summary>
internal static class RepoPruneCommand
{
    private static readonly Option<bool> DryRun = Flags.Switch("--dry-run", "Only say what would be removed", "-n");
    private static readonly Option<string> MaxUnused = Flags.Text("--max-unused", "How much unused data may stay in packs that are used (default: 5%)", "p%|bytes");
    private static readonly Option<string> MaxRepack = Flags.Text("--max-repack-bytes", "Copy at most so much used data to new packs (default: no limit)", "bytes");
    private static readonly Option<TimeSpan?> Grace = Flags.Duration("--grace", "How long ago a snapshot must have been forgotten (default: 24h)");
    private static readonly Option<bool> NoWait = Flags.Switch("--no-wait", "On S3: do not wait for running backups; the next prune deletes what this one could not");

    private static readonly (PackFate Fate, string Name)[] Rows =
    [
        (PackFate.Remove, "remove (nothing is used)"),
        (PackFate.Repack, "rewrite (little is used)"),
        (PackFate.Keep, "keep"),
        (PackFate.Spare, "leave to running backups"),
    ];

    public static Command Create()
    {
        var command = new Command("prune", "Remove data that no snapshot uses; safe beside backups and restores") { DryRun, MaxUnused, MaxRepack, Grace, NoWait };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = OptionsOf(parse);
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        CollectionReport report;
        await using (var display = MachineOutput.StartProgress(parse, "prune"))
            report = await RepositoryCollection.ExecuteAsync(repository, options, new Reporter(display), cancellationToken);
        if (MachineOutput.IsJson(parse)) PrintJson(report, options);
        else await PrintTextAsync(report, options, repository, cancellationToken);
        return report.DamagedPacks.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static CollectionOptions OptionsOf(ParseResult parse)
    {
        var options = new CollectionOptions
        {
            DryRun = parse.GetValue(DryRun),
            ForgetGrace = parse.GetValue(Grace),
            Wait = !parse.GetValue(NoWait),
            Program = $"nodeagent {typeof(RepoPruneCommand).Assembly.GetName().Version?.ToString(3)}",
            Hostname = Environment.MachineName,
        };
        if (options.ForgetGrace < TimeSpan.Zero) throw new UsageException("--grace: a time cannot be negative");
        var unused = parse.GetValue(MaxUnused)!;
        if (unused.EndsWith('%'))
        {
            if (!double.TryParse(unused[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) || percent is not (>= 0 and <= 100))
                throw new UsageException($"--max-unused {unused}: not a share (write it as p%, 0 to 100, or as bytes)");
            options = options with { MaxUnusedShare = percent / 100 };
        }
        else if (unused.Length > 0)
        {
            options = options with { MaxUnusedBytes = ParseBytes("--max-unused", unused) };
        }

        var repack = parse.GetValue(MaxRepack)!;
        return repack.Length == 0 ? options : options with { MaxRepackBytes = ParseBytes("--max-repack-bytes", repack) };
    }

    private static long ParseBytes(string option, string text) =>
        ByteSize.TryParse(text, out var bytes) ? bytes : throw new UsageException($"{option} {text}: not a size (write it as bytes, or as 500M, 20G, 1T)");

    /// <summary>Says what the prune had to leave. It is over by then: a store that does not answer now makes no failure of it.</summary>
    private static async Task PrintForgottenAsync(ChunkRepository repository, CollectionOptions options, CancellationToken cancellationToken)
    {
        var grace = options.ForgetGrace ?? SnapshotCatalog.ForgetGrace;
        List<ForgottenSnapshot> forgotten;
        try
        {
            var now = DateTimeOffset.UtcNow;
            var all = await new SnapshotCatalog(repository).ListForgottenAsync(damaged => StandardStreams.Warn(damaged.Message), cancellationToken);
            forgotten = [.. all.Where(f => f.Forgotten + grace > now)];
        }
        catch (RepositoryException exception)
        {
            StandardStreams.Warn($"which snapshots are forgotten could not be seen: {exception.Message}");
            return;
        }

        if (forgotten.Count == 0) return;
        var first = (forgotten[0].Forgotten + grace).ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        await StandardStreams.Out.WriteLineAsync($"{Amount.Of(forgotten.Count, "of them is", "of them are")} forgotten, but not long enough ago: what only {(forgotten.Count == 1 ? "it uses is removed by a prune after" : "they use is removed by prunes after")} {first}{(forgotten.Count == 1 ? "" : ", the first of them")}");
    }

    private static async Task PrintTextAsync(CollectionReport report, CollectionOptions options, ChunkRepository repository, CancellationToken cancellationToken)
    {
        var output = StandardStreams.Out;
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"snapshots kept: {report.Snapshots:N0}{(report.DroppedSnapshots > 0 ? $"; forgotten long enough ago to be dropped: {report.DroppedSnapshots:N0}" : "")}"));
        await PrintForgottenAsync(repository, options, cancellationToken);
        await output.WriteLineAsync($"{"",-26}{"packs",10}{"size",14}{"unused",14}");
        foreach (var (fate, name) in Rows)
        {
            var sum = report.Plan.GetValueOrDefault(fate) ?? new PackSum(0, 0, 0);
            if (sum.Packs > 0 || fate == PackFate.Keep)
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{name,-26}{sum.Packs,10:N0}{ByteSize.Format(sum.Bytes),14}{ByteSize.Format(sum.UnusedBytes),14}"));
        }

        new WarningSeries("data in it that is used is damaged or could not be read: run \"nodeagent repo check --read-data\"", "--output json lists all")
            .AddAll([.. report.DamagedPacks.Select(pack => $"{pack} stays")]);
        if (options.DryRun)
        {
            await output.WriteLineAsync("nothing was changed (dry run)");
            return;
        }

        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"packs deleted: {report.DeletedPacks:N0} with {ByteSize.Format(report.DeletedBytes)}; written anew: {ByteSize.Format(report.CopiedBytes)}; {ByteSize.Format(Math.Max(0, report.DeletedBytes - report.CopiedBytes))} freed"));
        if (report.AbsolvedPacks > 0) await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"packs that stay after all, because a snapshot came to use them meanwhile: {report.AbsolvedPacks:N0}"));
        if (report.CondemnedPacks > 0)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"packs left to the next prune, because backups may still be publishing: {report.CondemnedPacks:N0} (sessions {string.Join(", ", report.WaitsFor)})"));
    }

    private static void PrintJson(CollectionReport report, CollectionOptions options)
    {
        var plan = new JsonObject();
        foreach (var (fate, _) in Rows)
        {
            var sum = report.Plan.GetValueOrDefault(fate) ?? new PackSum(0, 0, 0);
            plan[JsonNameOf(fate)] = new JsonObject { ["packs"] = sum.Packs, ["bytes"] = sum.Bytes, ["unusedBytes"] = sum.UnusedBytes };
        }

        MachineOutput.PrintJson(new JsonObject
        {
            ["dryRun"] = options.DryRun,
            ["snapshots"] = report.Snapshots,
            ["droppedSnapshots"] = report.DroppedSnapshots,
            ["plan"] = plan,
            ["deletedPacks"] = report.DeletedPacks,
            ["deletedBytes"] = report.DeletedBytes,
            ["copiedBytes"] = report.CopiedBytes,
            ["takenBackPacks"] = report.AbsolvedPacks,
            ["condemnedPacks"] = report.CondemnedPacks,
            ["waitsFor"] = new JsonArray([.. report.WaitsFor.Select(s => (JsonNode)s)]),
            ["damagedPacks"] = new JsonArray([.. report.DamagedPacks.Select(p => (JsonNode)p)]),
        });
    }

    private static string JsonNameOf(PackFate fate) => fate switch
    {
        PackFate.Remove => "remove",
        PackFate.Repack => "rewrite",
        PackFate.Spare => "running",
        _ => "keep",
    };

    private sealed class Reporter(ProgressDisplay display) : IProgress<CollectionProgress>
    {
        public void Report(CollectionProgress value)
        {
            var (stage, unit) = WordsFor(value);
            display.Report(new ProgressSample(value.Done, value.Total, value.Bytes, value.TotalBytes, value.Total > 0, 0, null) { Stage = stage, Unit = unit, HasBytes = value.TotalBytes > 0 });
        }

        private static (string Stage, string Unit) WordsFor(CollectionProgress value) => value.Stage switch
        {
            CollectionStage.Index => ("reading the index", value.Total > 0 ? "segments" : ""),
            CollectionStage.Mark => ("finding what is used", "snapshots"),
            CollectionStage.Repack => ("copying", "packs"),
            CollectionStage.Wait => ($"waiting for what may still be publishing (sessions {string.Join(", ", value.WaitsFor)})", "seconds at most"),
            CollectionStage.Remark => ("finding what came to be used meanwhile", ""),
            _ => ("deleting", "packs"),
        };
    }
}
