using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Snapshots.Retention;
using NodeAgent.Repository.Usage;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>What a repository holds, what that takes, whose it is, and how it grows.</summary>
internal static class RepoStatsCommand
{
    private const string Summary = "summary";
    private const string RestoreSize = "restore-size";
    private const string FilesByContents = "files-by-contents";

    private static readonly Option<string> Mode = Flags.Choice(
        "--mode", "One figure of the chosen snapshots instead: what restoring all of them writes, the content of their files with each part counted once, or what they take in the store",
        [Summary, RestoreSize, FilesByContents, "raw-data"], Summary);

    private static readonly Option<string> GroupBy = new("--group-by", "-g")
    {
        Description = "Also what each group takes, for itself and together with others: host, namespace, volume, path, tags (reads all directories)",
        HelpName = "key,...",
    };

    private static readonly Option<string> Growth = Flags.Choice("--growth", "Also what was added in each period", ["day", "week", "month"]);

    public static Command Create()
    {
        var command = new Command("stats", "Show what a repository holds and takes, whose it is, and how it grows")
        {
            Mode, GroupBy, Growth, SnapshotArguments.Host, SnapshotArguments.Namespace, SnapshotArguments.SourcePath, SnapshotArguments.Tag,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var by = parse.GetValue(GroupBy) is { } text ? GroupingOptions.Parse(text) : (GroupKey?)null;
        if (parse.GetValue(Mode) != Summary && (by is not null || parse.GetValue(Growth)!.Length > 0))
            throw new UsageException("--mode shows one figure, so --group-by and --growth have no place beside it (give one of them)");
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var filter = SnapshotArguments.FilterOf(parse);
        var snapshots = (await SnapshotArguments.ReadAllAsync(repository, cancellationToken)).Where(snapshot => filter.Matches(snapshot.Manifest)).ToList();
        if (parse.GetValue(Mode) != Summary) return await PrintModeAsync(parse, repository, snapshots, cancellationToken);

        await repository.LoadIndexAsync(cancellationToken);
        var stats = repository.GetStatistics();
        var (packBytes, indexBytes) = (await SumAsync(repository, "data/", cancellationToken), await SumAsync(repository, "index/", cancellationToken));
        var usage = by is { } keys ? await SurveyAsync(parse, repository, SnapshotGroup.Divide(snapshots, keys), cancellationToken) : null;
        var growth = parse.GetValue(Growth) is { Length: > 0 } period ? GrowthOf(snapshots, period) : null;
        var restorable = snapshots.Sum(s => s.Manifest.Stats.Bytes);
        if (MachineOutput.IsJson(parse))
        {
            var json = new JsonObject
            {
                ["snapshots"] = snapshots.Count,
                ["restorableBytes"] = restorable,
                ["packs"] = stats.Packs,
                ["chunks"] = stats.Chunks,
                ["bytes"] = stats.PlainBytes,
                ["storedBytes"] = stats.StoredBytes,
                ["packBytes"] = packBytes,
                ["indexBytes"] = indexBytes,
            };
            if (usage is not null) AddJson(json, usage);
            if (growth is not null) json["growth"] = new JsonArray([.. growth.Select(ToJson)]);
            MachineOutput.PrintJson(json);
            return ExitCode.Done;
        }

        var table = new TextTable();
        table.Add("snapshots", Number(snapshots.Count) + (filter.IsEmpty ? "" : " that match"));
        table.Add("restorable", $"{ByteSize.Format(restorable)} over all {(filter.IsEmpty ? "snapshots" : "of them")}");
        table.Add("deduplicated", $"{ByteSize.Format(stats.PlainBytes)} in {Amount.Of(stats.Chunks, "chunk", "chunks")}{(filter.IsEmpty && stats.PlainBytes > 0 ? $", {Ratio(restorable, stats.PlainBytes)} to 1" : "")}");
        table.Add("compressed", $"{ByteSize.Format(stats.StoredBytes)}{(stats.StoredBytes > 0 ? $", {Ratio(stats.PlainBytes, stats.StoredBytes)} to 1" : "")}");
        table.Add("stored", $"{ByteSize.Format(packBytes)} in {Amount.Of(stats.Packs, "pack", "packs")}, and {ByteSize.Format(indexBytes)} of index");
        if (usage is not null) table.Add("not used", $"{ByteSize.Format(usage.UnusedBytes)} in {Amount.Of(usage.UnusedChunks, "chunk", "chunks")} that no {(filter.IsEmpty ? "snapshot" : "snapshot that matches")} uses");
        table.WriteTo(StandardStreams.Out);
        if (usage is not null) PrintUsage(usage);
        if (growth is not null) PrintGrowth(growth, parse.GetValue(Growth)!);
        return ExitCode.Done;
    }

    private static async Task<int> PrintModeAsync(ParseResult parse, ChunkRepository repository, List<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        var mode = parse.GetValue(Mode)!;
        var bytes = mode == RestoreSize ? snapshots.Sum(s => s.Manifest.Stats.Bytes) : 0;
        if (mode != RestoreSize)
        {
            var usage = await SurveyAsync(parse, repository, SnapshotGroup.Divide(snapshots, GroupKey.None), cancellationToken);
            bytes = mode == FilesByContents ? usage.ContentBytes : usage.StoredBytes;
        }

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(new JsonObject { ["mode"] = mode, ["snapshots"] = snapshots.Count, ["bytes"] = bytes });
        else
            await StandardStreams.Out.WriteLineAsync($"{ByteSize.Format(bytes)} ({Amount.Of(bytes, "byte", "bytes")}) in {Amount.Of(snapshots.Count, "snapshot", "snapshots")}");
        return ExitCode.Done;
    }

    private static async Task<UsageReport> SurveyAsync(ParseResult parse, ChunkRepository repository, List<SnapshotGroup> groups, CancellationToken cancellationToken)
    {
        UsageReport usage;
        await using (var display = MachineOutput.StartProgress(parse, "stats"))
            usage = await new UsageSurvey(repository, new Reporter(display)).ExecuteAsync(groups, cancellationToken);
        var warnings = new WarningSeries("the figures are too low: see \"nodeagent repo check\"", "\"nodeagent repo check --read-data\" names all");
        // A survey keeps the first of them only, so how many there are is not known.
        foreach (var problem in usage.Problems) warnings.Add(problem);
        return usage;
    }

    private static async Task<long> SumAsync(ChunkRepository repository, string prefix, CancellationToken cancellationToken)
    {
        long sum = 0;
        await foreach (var entry in repository.Store.ListAsync(prefix, cancellationToken)) sum += entry.Length;
        return sum;
    }

    private static void PrintUsage(UsageReport usage)
    {
        StandardStreams.Out.WriteLine();
        string[] keys = [.. usage.Groups.SelectMany(group => group.Group.Name).Select(part => part.Key).Distinct()];
        var table = new TextTable([.. keys.Select(key => key.ToUpperInvariant()), "SNAPSHOTS", "RESTORABLE", "CONTENT", "STORED", "ONLY HERE", "SHARED"])
            .AlignRight([.. Enumerable.Range(keys.Length, 6)]);
        foreach (var group in usage.Groups.OrderByDescending(group => group.UniqueBytes))
        {
            table.Add(
            [
                .. keys.Select(key => DisplayText.Name(group.Group.Name.FirstOrDefault(part => part.Key == key).Value ?? "")),
                Number(group.Group.Snapshots.Count), ByteSize.Format(group.RestorableBytes), ByteSize.Format(group.ContentBytes), ByteSize.Format(group.StoredBytes),
                ByteSize.Format(group.UniqueBytes), ByteSize.Format(group.SharedBytes),
            ]);
        }

        table.WriteTo(StandardStreams.Out);
    }

    private static void AddJson(JsonObject json, UsageReport usage)
    {
        json["groups"] = new JsonArray([.. usage.Groups.Select(group => (JsonNode)new JsonObject
        {
            ["group"] = new JsonObject([.. group.Group.Name.Select(part => KeyValuePair.Create(part.Key, (JsonNode?)JsonValue.Create(part.Value)))]),
            ["snapshots"] = group.Group.Snapshots.Count,
            ["restorableBytes"] = group.RestorableBytes,
            ["contentBytes"] = group.ContentBytes,
            ["storedBytes"] = group.StoredBytes,
            ["uniqueBytes"] = group.UniqueBytes,
            ["sharedBytes"] = group.SharedBytes,
        })]);
        json["unusedBytes"] = usage.UnusedBytes;
        json["unusedChunks"] = usage.UnusedChunks;
    }

    /// <summary>What the snapshots of each day, week or month added, by the local calendar; the oldest first.</summary>
    private static List<(DateTime Start, int Snapshots, long NewBytes, long StoredBytes)> GrowthOf(List<Snapshot> snapshots, string period) =>
        [.. snapshots.GroupBy(snapshot => StartOf(RetentionPolicy.TimeOf(snapshot).LocalDateTime.Date, period)).OrderBy(group => group.Key)
            .Select(group => (group.Key, group.Count(), group.Sum(s => s.Manifest.Stats.NewBytes), group.Sum(s => s.Manifest.Stats.StoredBytes)))];

    private static DateTime StartOf(DateTime day, string period) => period switch
    {
        "week" => day.AddDays(-(((int)day.DayOfWeek + 6) % 7)),
        "month" => day.AddDays(1 - day.Day),
        _ => day,
    };

    private static void PrintGrowth(List<(DateTime Start, int Snapshots, long NewBytes, long StoredBytes)> growth, string period)
    {
        StandardStreams.Out.WriteLine();
        var table = new TextTable(period.ToUpperInvariant(), "SNAPSHOTS", "NEW", "STORED").AlignRight(1, 2, 3);
        foreach (var row in growth)
            table.Add(Date(row.Start), Number(row.Snapshots), ByteSize.Format(row.NewBytes), ByteSize.Format(row.StoredBytes));
        table.WriteTo(StandardStreams.Out);
    }

    private static JsonNode ToJson((DateTime Start, int Snapshots, long NewBytes, long StoredBytes) row) => new JsonObject
    {
        ["start"] = Date(row.Start),
        ["snapshots"] = row.Snapshots,
        ["newBytes"] = row.NewBytes,
        ["storedBytes"] = row.StoredBytes,
    };

    private static string Date(DateTime day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ratio(long whole, long part) => ((double)whole / part).ToString("0.0", CultureInfo.InvariantCulture);

    private sealed class Reporter(ProgressDisplay display) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) =>
            display.Report(new ProgressSample(value.Done, value.Total, value.BytesDone, value.BytesTotal, true, 0, null) { Unit = value.Stage });
    }
}
