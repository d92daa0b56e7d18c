using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Parity;

namespace NodeAgent.Cli.Machine;

/// <summary>Parity, with which damaged objects of a repository in a directory are mended.</summary>
internal static class RepoParityCommand
{
    public const int DefaultPercent = 10;

    private static readonly Option<int> Percent = new("--percent")
    {
        Description = $"Parity blocks for each hundred blocks, {ParityMaintenance.Range}",
        HelpName = "n",
        DefaultValueFactory = _ => DefaultPercent,
    };

    public static Command Create()
    {
        var on = new Command("on", "Protect what is there, and what is written from now on") { Percent };
        on.Runs((parse, cancellationToken) => SetAsync(parse, parse.GetValue(Percent), cancellationToken));
        var off = new Command("off", "End it, and delete all parity");
        off.Runs((parse, cancellationToken) => SetAsync(parse, 0, cancellationToken));
        var update = new Command("update", "Make parity that is missing, and delete that of objects that are gone");
        update.Runs(UpdateAsync);
        var status = new Command("status", "How much is protected");
        status.Runs(ShowAsync);
        return new Command("parity", "Parity that mends damaged sectors of a repository in a directory") { on, off, update, status };
    }

    /// <exception cref="UsageException">It is no percentage.</exception>
    public static void Require(int percent, string flag)
    {
        if (!ParityMaintenance.IsPercent(percent)) throw new UsageException($"{flag} {percent} is outside {ParityMaintenance.Range}");
    }

    private static async Task<int> SetAsync(ParseResult parse, int percent, CancellationToken cancellationToken)
    {
        if (percent != 0 || parse.CommandResult.Command.Name == "on") Require(percent, Percent.Name);
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        await new ParityMaintenance(repository).SetAsync(percent, cancellationToken);
        return await UpdateAsync(parse, repository, cancellationToken);
    }

    private static async Task<int> UpdateAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        return await UpdateAsync(parse, repository, cancellationToken);
    }

    private static async Task<int> UpdateAsync(ParseResult parse, ChunkRepository repository, CancellationToken cancellationToken)
    {
        ParityReport report;
        await using (var display = MachineOutput.StartProgress(parse, "parity"))
            report = await new ParityMaintenance(repository).UpdateAsync(new Reporter(display), cancellationToken);
        return await PrintAsync(parse, report, isUpdate: true);
    }

    private static async Task<int> ShowAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        return await PrintAsync(parse, await new ParityMaintenance(repository).SurveyAsync(cancellationToken), isUpdate: false);
    }

    private static async Task<int> PrintAsync(ParseResult parse, ParityReport report, bool isUpdate)
    {
        var code = report.Damaged.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["percent"] = report.Percent,
                ["objects"] = report.Objects,
                ["protected"] = report.Protected,
                ["objectBytes"] = report.ObjectBytes,
                ["parityBytes"] = report.ParityBytes,
                ["made"] = report.Made,
                ["removed"] = report.Removed,
                ["damaged"] = new JsonArray([.. report.Damaged.Select(key => (JsonNode)key)]),
            });
            return code;
        }

        var output = StandardStreams.Out;
        await output.WriteLineAsync(report.Percent == 0
            ? "parity is off"
            : string.Create(CultureInfo.InvariantCulture, $"parity is on, {report.Percent} %: {report.Protected:N0} of {report.Objects:N0} objects ({ByteSize.Format(report.ObjectBytes)}) are protected by {ByteSize.Format(report.ParityBytes)}"));
        if (report.Made > 0) await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"made for {Amount.Of(report.Made, "object", "objects")}"));
        if (report.Removed > 0) await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"removed {report.Removed:N0} that protected nothing any more"));
        if (!isUpdate && report.Percent > 0 && report.Protected < report.Objects)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{Amount.Of(report.Objects - report.Protected, "object has", "objects have")} none: \"nodeagent repo parity update\" makes it"));
        new WarningSeries("\"nodeagent repo check --read-data\" says what is affected", "--output json lists all")
            .AddAll([.. report.Damaged.Select(key => $"{key}: it is damaged or cannot be read, so that no parity was made of it")]);
        return code;
    }

    private sealed class Reporter(ProgressDisplay display) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value) => display.Report(new ProgressSample(value.Done, value.Total, 0, 0, true, 0, null) { Unit = "objects", HasBytes = false });
    }
}
