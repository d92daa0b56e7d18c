using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Copying;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Copies snapshots from another repository, which has keys of its own.</summary>
internal static class RepoCopyCommand
{
    private static readonly Argument<string[]> Ids = new("ID") { Description = "Snapshots of the other repository: latest, ids, or beginnings of them; without any, all that match the flags", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<bool> Rechunk = Flags.Switch("--rechunk", "Cut files as this repository's own backups do, so that both share what is equal; in any case when the chunk sizes differ");

    public static Command Create()
    {
        var command = new Command("copy", "Copy snapshots from another repository; those that were copied before are passed over") { Ids };
        CopySourceOptions.AddTo(command);
        foreach (var option in (Option[])[SnapshotArguments.Host, SnapshotArguments.Namespace, SnapshotArguments.SourcePath, SnapshotArguments.Tag, Rechunk, RepairOptions.DryRun]) command.Add(option);
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var source = await CopySourceOptions.OpenAsync(parse, cancellationToken);
        await using var target = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var all = await SnapshotArguments.ReadAllAsync(source, cancellationToken);
        var filter = SnapshotArguments.FilterOf(parse);
        var ids = parse.GetValue(Ids)!;
        var options = new SnapshotCopyOptions
        {
            Snapshots = ids.Length == 0 ? [.. all.Where(s => filter.Matches(s.Manifest))] : [.. ids.Select(id => SnapshotSelection.Resolve(all, id, filter.IsEmpty ? null : filter)).DistinctBy(s => s.Id)],
            Rechunk = parse.GetValue(Rechunk),
            DryRun = parse.GetValue(RepairOptions.DryRun),
            Origin = RepairOptions.Origin,
        };
        SnapshotCopyReport report;
        await using (var display = MachineOutput.StartProgress(parse, "copy"))
            report = await new SnapshotCopy(source, target, options, new CheckProgressReporter(display)).ExecuteAsync(cancellationToken);
        if (MachineOutput.IsJson(parse)) PrintJson(report, options);
        else await PrintTextAsync(report, options);
        return report.Snapshots.All(s => s.Failure is null) ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task PrintTextAsync(SnapshotCopyReport report, SnapshotCopyOptions options)
    {
        var output = StandardStreams.Out;
        foreach (var snapshot in report.Snapshots)
        {
            var manifest = snapshot.Original.Manifest;
            var what = $"{SnapshotArguments.ShortId(snapshot.Original.Id)} of {DisplayText.Name(manifest.Source.Display)}, {manifest.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}";
            if (snapshot.Failure is { } failure) StandardStreams.Warn($"{what}: not copied: {failure}");
            else if (!snapshot.IsNew) await output.WriteLineAsync($"{what}: is there as {SnapshotArguments.ShortId(snapshot.Copy!.Value)}");
            else if (snapshot.Copy is { } copy) await output.WriteLineAsync($"{what}: copied as {SnapshotArguments.ShortId(copy)}");
            else await output.WriteLineAsync($"{what}: would be copied");
        }

        var copied = report.Snapshots.Count(s => s.IsNew);
        var failed = report.Snapshots.Count(s => s.Failure is not null);
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amount.Of(copied, "snapshot", "snapshots")} {(options.DryRun ? "to copy" : "copied")}, {report.Snapshots.Count - copied - failed:N0} there already{(failed > 0 ? $", {failed:N0} not copied (\"nodeagent repo check\" on the other repository says what is damaged)" : "")}; {ByteSize.Format(report.ReadBytes)} read, {ByteSize.Format(report.Stored.StoredBytes)} stored"));
        if (options.DryRun) await output.WriteLineAsync(RepairOptions.NothingWasChanged);
    }

    private static void PrintJson(SnapshotCopyReport report, SnapshotCopyOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["dryRun"] = options.DryRun,
        ["snapshots"] = new JsonArray([.. report.Snapshots.Select(snapshot => (JsonNode)new JsonObject
        {
            ["id"] = snapshot.Original.Id.ToString(),
            ["source"] = snapshot.Original.Manifest.Source.Display,
            ["copy"] = snapshot.Copy?.ToString(),
            ["isNew"] = snapshot.IsNew,
            ["failure"] = snapshot.Failure,
        })]),
        ["readBytes"] = report.ReadBytes,
        ["storedBytes"] = report.Stored.StoredBytes,
    });
}
