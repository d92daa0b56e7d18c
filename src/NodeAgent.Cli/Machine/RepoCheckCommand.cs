using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots.Retention;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>Looks for damage. Exit code 1 when something is lost.</summary>
internal static partial class RepoCheckCommand
{
    private const int MaxFiles = 100;

    /// <summary>More findings of one kind say nothing to a person.</summary>
    private const int MaxAlike = 10;

    /// <summary>More damaged packs than this are found again rather than typed.</summary>
    private const int MaxNamedPacks = 20;

    private const int PackDigits = 16;

    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(30);

    private static readonly Option<bool> ReadData = Flags.Switch("--read-data", "Read every pack: decrypt and hash every chunk");
    private static readonly Option<string> Subset = Flags.Text("--read-data-subset", "Read only a part of the packs: p% or a size (500M, 10G) of those that were read longest ago, or n/m for the n-th of m parts", "p%|size|n/m");
    private static readonly Option<RetentionSpan?> MaxAge = new("--max-age")
    {
        Description = "Read only packs that were not read, and found sound, within this time (30d, 12h)",
        HelpName = "duration",
        CustomParser = result =>
        {
            if (RetentionSpan.TryParse(result.Tokens[0].Value, out var span)) return span;
            result.AddError($"--max-age {result.Tokens[0].Value}: not a duration (write it in years, months, weeks, days and hours, as 30d or 12h)");
            return null;
        },
    };

    private static readonly Option<TimeSpan?> MaxDuration = Flags.Duration("--max-duration", "Read no further pack after this time (1h30m); the next check goes on with those that were read longest ago");

    public static Command Create()
    {
        var command = new Command("check", "Look for damage") { ReadData, Subset, MaxAge, MaxDuration };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = OptionsOf(parse);
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var path = CheckCache.PathOf(repository.Config.Id, repository.Store.Location);
        if (options.ReadData) options = options with { Verifications = Load(path, repository, isNeeded: parse.GetValue(MaxAge) is not null || parse.GetValue(MaxDuration) is not null) };
        CheckReport report;
        await using (var display = MachineOutput.StartProgress(parse, "check"))
        {
            var reporter = new Reporter(display, () => Save(options.Verifications));
            try
            {
                report = await new RepositoryCheck(repository, options, reporter).ExecuteAsync(cancellationToken);
            }
            finally
            {
                // What was verified stays so, whatever stops the rest.
                Save(options.Verifications);
            }
        }

        if (MachineOutput.IsJson(parse)) PrintJson(report, options);
        else PrintText(report, options);
        return report.IsSound ? ExitCode.Done : ExitCode.Failed;
    }

    private static CheckOptions OptionsOf(ParseResult parse)
    {
        var now = DateTimeOffset.UtcNow;
        var options = new CheckOptions
        {
            // A script wants all of them.
            MaxFiles = MachineOutput.IsJson(parse) ? int.MaxValue : MaxFiles,
            ReadData = parse.GetValue(ReadData) || parse.GetValue(MaxAge) is not null || parse.GetValue(MaxDuration) is not null,
            VerifiedSince = parse.GetValue(MaxAge)?.Before(now, TimeZoneInfo.Local),
            Deadline = now + parse.GetValue(MaxDuration),
        };
        var subset = parse.GetValue(Subset)!;
        if (subset.Length == 0) return options;
        if (parse.GetValue(ReadData)) throw new UsageException("--read-data reads everything, and --read-data-subset a part of it (give one of the two)");
        options = options with { ReadData = true };
        if (subset.Contains('/', StringComparison.Ordinal)) return options with { Subset = SnapshotArguments.ParsePart("--read-data-subset", subset) };
        if (!subset.EndsWith('%')) return options with { MaxBytes = ParseSize(subset) };
        if (!double.TryParse(subset[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) || percent is not (> 0 and <= 100))
            throw new UsageException($"--read-data-subset {subset}: not a share (write it as p%, above 0 and at most 100)");
        return options with { Share = percent / 100 };
    }

    private static long ParseSize(string text) => ByteSize.TryParse(text, out var bytes) && bytes > 0
        ? bytes
        : throw new UsageException($"--read-data-subset {text}: not a part (write it as p%, as a size such as 500M or 10G, or as n/m)");

    private static PackVerifications? Load(string? path, ChunkRepository repository, bool isNeeded)
    {
        if (path is null)
        {
            // Nothing is lost but the memory; whoever asked for it must know.
            if (isNeeded) StandardStreams.Warn("nothing is remembered of earlier checks, nor of this one: there is no home directory (set XDG_CACHE_HOME)");
            return null;
        }

        try
        {
            return PackVerifications.Load(path, repository);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            StandardStreams.Warn($"{path}: what earlier checks have verified cannot be read: {exception.Message}");
            return null;
        }
    }

    private static void Save(PackVerifications? verifications)
    {
        try
        {
            verifications?.Save();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            StandardStreams.Warn($"what this check has verified is not remembered: {exception.Message}");
        }
    }

    private static void PrintText(CheckReport report, CheckOptions options)
    {
        foreach (var alike in report.Problems.OrderByDescending(p => p.IsDamage).GroupBy(p => (p.IsDamage, Ids().Replace(p.Message, "…"))))
        {
            // A pack that is gone or altered costs thousands of chunks, and which they are tells people nothing.
            var shown = alike.Count() <= MaxAlike ? alike : alike.Take(MaxAlike - 1);
            foreach (var problem in shown) Print(problem);
            if (alike.Count() > MaxAlike) StandardStreams.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    and {alike.Count() - MaxAlike + 1:N0} more of which the same is to be said (--output json lists all)"));
        }

        if (options.ReadData) PrintReading(report, options);
        StandardStreams.Out.WriteLine($"{Amount.Of(report.Snapshots, "snapshot", "snapshots")}, {Amount.Of(report.Packs, "pack", "packs")}, {Amount.Of(report.Chunks, "chunk", "chunks")}{Verdict(report, options)}");
        var commands = CommandsFor(report);
        for (var i = 0; i < commands.Count; i++)
            StandardStreams.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(i == 0 ? "to mend it:" : "      then:")} {commands[i]}"));
    }

    [GeneratedRegex("[0-9a-f]{32,}")]
    private static partial Regex Ids();

    /// <summary>Claims no more than was looked at.</summary>
    private static string Verdict(CheckReport report, CheckOptions options)
    {
        if (!options.ReadData) return report.IsSound ? ": no damage in the structure; what is in the packs was not read (--read-data reads it)" : "; what is in the packs was not read: DAMAGED";
        var isWhole = report.ReadPacks >= report.Packs;
        var read = $"{(isWhole ? " checked" : "")}, {ByteSize.Format(report.ReadBytes)} read: ";
        if (!report.IsSound) return read + "DAMAGED";
        return read + (isWhole ? "no damage" : "no damage in the structure and in what was read");
    }

    private static void Print(CheckProblem problem)
    {
        var place = problem.Offset is { } offset ? string.Create(CultureInfo.InvariantCulture, $"{problem.ObjectKey} at byte {offset}") : problem.ObjectKey;
        StandardStreams.Out.WriteLine($"{(problem.IsDamage ? "damage" : "note")}: {place}: {problem.Message}");
        foreach (var file in problem.Files) StandardStreams.Out.WriteLine($"    {file}");
        if (problem.FileCount > problem.Files.Count)
            StandardStreams.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    and {problem.FileCount - problem.Files.Count:N0} more (--output json lists all)"));
    }

    /// <summary>What mends the damage, in this order. A backup in between stores what the source still has.</summary>
    private static List<string> CommandsFor(CheckReport report)
    {
        var commands = new List<string>();
        foreach (var step in report.Repairs)
        {
            switch (step)
            {
                case RepairStep.Index:
                    commands.Add("nodeagent repo repair index");
                    break;
                case RepairStep.Packs:
                    commands.Add(report.DamagedPacks.Count switch
                    {
                        0 => "nodeagent repo repair packs",
                        > MaxNamedPacks => "nodeagent repo repair packs --read-data",
                        _ => $"nodeagent repo repair packs {string.Join(' ', report.DamagedPacks.Select(pack => pack.Hash.ToString()[..PackDigits]))}",
                    });
                    break;
                case RepairStep.Snapshots:
                    // Small files share chunks: only where all of them are read are these made as they were.
                    commands.Add("nodeagent snapshot create --force ... (a backup of what is damaged, if it is still there, that reads every file)");
                    commands.Add("nodeagent repo repair snapshots");
                    break;
            }
        }

        return commands;
    }

    private static void PrintReading(CheckReport report, CheckOptions options)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"read {report.ReadPacks:N0} of {Amount.Of(report.Packs, "pack", "packs")}");
        if (report.RecentPacks > 0) text += $"; {Amount.Of(report.RecentPacks, "was", "were")} read not long ago";
        if (report.PacksLeft > 0) text += $"; {Amount.Of(report.PacksLeft, "was", "were")} left when the time was up";
        if (options.Verifications is not null)
        {
            if (report.NeverReadPacks > 0) text += $"; {Amount.Of(report.NeverReadPacks, "was", "were")} never read by this machine";
            else if (report.OldestVerification is { } oldest && report.ReadPacks < report.Packs) text += $"; each since {oldest.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)}";
        }

        StandardStreams.Out.WriteLine(text);
    }

    private static void PrintJson(CheckReport report, CheckOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["snapshots"] = report.Snapshots,
        ["packs"] = report.Packs,
        ["chunks"] = report.Chunks,
        ["readBytes"] = report.ReadBytes,
        ["readPacks"] = report.ReadPacks,
        ["recentPacks"] = report.RecentPacks,
        ["packsLeft"] = report.PacksLeft,
        ["neverReadPacks"] = options.Verifications is null ? null : report.NeverReadPacks,
        ["oldestVerification"] = report.OldestVerification?.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["sound"] = report.IsSound,
        ["problems"] = new JsonArray([.. report.Problems.Select(problem => (JsonNode)new JsonObject
        {
            ["severity"] = problem.IsDamage ? "damage" : "note",
            ["object"] = problem.ObjectKey,
            ["offset"] = problem.Offset,
            ["message"] = problem.Message,
            ["files"] = new JsonArray([.. problem.Files.Select(file => (JsonNode)file)]),
        })]),
        ["repairs"] = new JsonArray([.. CommandsFor(report).Select(command => (JsonNode)command)]),
    });

    /// <summary>Shows how far it is, and saves what was verified now and then: a machine may also go down.</summary>
    private sealed class Reporter(ProgressDisplay display, Action save) : IProgress<CheckProgress>
    {
        private readonly Lock _gate = new();
        private TimeSpan _nextSave = SaveInterval;

        public void Report(CheckProgress value)
        {
            display.Report(new ProgressSample(value.Done, value.Total, value.BytesDone, value.BytesTotal, true, 0, null) { Unit = value.Stage });
            lock (_gate)
            {
                if (display.Elapsed < _nextSave) return;
                _nextSave = display.Elapsed + SaveInterval;
                save();
            }
        }
    }
}
