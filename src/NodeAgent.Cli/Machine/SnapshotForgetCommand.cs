using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Cli.Machine;

/// <summary>Takes snapshots out of the list, by id or by a policy. Their data stays until it is collected.</summary>
internal static class SnapshotForgetCommand
{
    private const string AllowMassRemovalName = "--allow-mass-removal";

    private static readonly Argument<string[]> Ids = new("ID") { Description = "latest, ids, or beginnings of ids; none with a policy", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<bool> DryRun = Flags.Switch("--dry-run", "Only show what would be done", "-n");
    private static readonly Option<bool> AllowMassRemoval = Flags.Switch(AllowMassRemovalName, "Do it even when the policy leaves nothing of a group, or forgets more than half of all snapshots: after the grace their data is lost for good");

    public static Command Create()
    {
        var command = new Command("forget", "Take snapshots out of the list, by id or by a policy of what to keep") { Ids };
        ForgetPolicyOptions.AddTo(command);
        foreach (var option in (Option[])[SnapshotArguments.Host, SnapshotArguments.Namespace, SnapshotArguments.SourcePath, SnapshotArguments.Tag, DryRun, AllowMassRemoval]) command.Add(option);
        command.Runs(ExecuteAsync);
        return command;
    }

    private static Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        if (parse.GetValue(Ids) is { Length: > 0 })
        {
            if (ForgetPolicyOptions.AreGiven(parse) || !SnapshotArguments.FilterOf(parse).IsEmpty)
                throw new UsageException("snapshots are forgotten by id or by a policy, not by both (leave out the ids, or the --keep flags and filters)");
            return ForgetByIdAsync(parse, cancellationToken);
        }

        var policy = ForgetPolicyOptions.PolicyOf(parse);
        if (policy.IsEmpty)
            throw new UsageException("nothing says what to keep, so everything would go; nothing was done (give ids, or a policy such as --keep-daily 7 --keep-weekly 4)");
        return ForgetByPolicyAsync(parse, policy, ForgetPolicyOptions.GroupKeyOf(parse), cancellationToken);
    }

    private static async Task<int> ForgetByIdAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshots = await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        // All are found before the first is forgotten: a mistyped id changes nothing, and "latest" means one snapshot.
        var chosen = parse.GetValue(Ids)!.Select(id => SnapshotSelection.Resolve(snapshots, id, null)).DistinctBy(snapshot => snapshot.Id).ToArray();
        var catalog = new SnapshotCatalog(repository);
        var isDryRun = parse.GetValue(DryRun);
        var forgotten = new JsonArray();
        foreach (var (id, manifest) in chosen)
        {
            if (!isDryRun) await catalog.ForgetAsync(id, "asked for on the command line", cancellationToken);
            forgotten.Add((JsonNode)new JsonObject { ["id"] = id.ToString(), ["source"] = manifest.Source.Display });
            if (!MachineOutput.IsJson(parse))
                await StandardStreams.Out.WriteLineAsync($"{(isDryRun ? "would forget" : "forgot")} {id} of {DisplayText.Name(manifest.Source.Display)}");
        }

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(forgotten);

        return ExitCode.Done;
    }

    private static async Task<int> ForgetByPolicyAsync(ParseResult parse, RetentionPolicy policy, GroupKey by, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshots = await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        var filter = SnapshotArguments.FilterOf(parse);
        var plan = RetentionPlan.Create(policy, snapshots.Where(snapshot => filter.Matches(snapshot.Manifest)), by, snapshots.Count);
        if (MachineOutput.IsJson(parse)) PrintJson(plan);
        else PrintText(plan, policy.TimeZone);

        var removals = plan.Removals.ToList();
        if (plan.Objection is { } objection && !parse.GetValue(AllowMassRemoval))
            throw new CommandException(ExitCode.Failed, $"{objection}; nothing was done (check the policy and --group-by; if it is what you want, add {AllowMassRemovalName})");
        if (!parse.GetValue(DryRun)) await ForgetAsync(repository, removals, cancellationToken);
        if (!MachineOutput.IsJson(parse)) PrintSummary(plan, removals.Count, parse.GetValue(DryRun));
        return ExitCode.Done;
    }

    private static async Task ForgetAsync(ChunkRepository repository, List<Snapshot> removals, CancellationToken cancellationToken)
    {
        var catalog = new SnapshotCatalog(repository);
        foreach (var snapshot in removals) await catalog.ForgetAsync(snapshot.Id, "no rule of the policy keeps it", cancellationToken);
    }

    private static void PrintText(RetentionPlan plan, TimeZoneInfo zone)
    {
        foreach (var (group, decisions) in plan.Groups)
        {
            var name = string.Join(", ", group.Name.Select(part => $"{part.Key} {DisplayText.Name(part.Value)}"));
            StandardStreams.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{(name.Length == 0 ? "all snapshots" : name)}: keep {decisions.Count(d => d.IsKept):N0}, forget {decisions.Count(d => !d.IsKept):N0}"));
            var table = new TextTable("  ", "ID", "TIME", "TAGS", "WHY");
            foreach (var decision in decisions)
            {
                table.Add(
                    decision.IsKept ? "  keep" : "  forget",
                    SnapshotArguments.ShortId(decision.Snapshot.Id),
                    TimeZoneInfo.ConvertTime(decision.Time, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                    SnapshotArguments.TagText(decision.Snapshot.Manifest),
                    string.Join(", ", decision.Reasons) + (decision.IsClockDoubted ? $"{(decision.IsKept ? "; " : "")}it says {decision.Snapshot.Manifest.Time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC, the store had it before" : ""));
            }

            table.WriteTo(StandardStreams.Out);
            StandardStreams.Out.WriteLine();
        }
    }

    private static void PrintSummary(RetentionPlan plan, int removed, bool isDryRun)
    {
        var kept = plan.Groups.Sum(group => group.Decisions.Count) - removed;
        var rest = isDryRun ? " would be forgotten (dry run: nothing was done)" : removed == 0 ? " forgotten" : " forgotten; for a day at least, nodeagent snapshot unforget ID brings one back";
        StandardStreams.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kept:N0} kept, {removed:N0}{rest}"));
    }

    private static void PrintJson(RetentionPlan plan) => MachineOutput.PrintJson(new JsonArray([.. plan.Groups.Select(group => (JsonNode)new JsonObject
    {
        ["group"] = new JsonObject([.. group.Group.Name.Select(part => KeyValuePair.Create(part.Key, (JsonNode?)JsonValue.Create(part.Value)))]),
        ["keep"] = new JsonArray([.. group.Decisions.Where(d => d.IsKept).Select(ToJson)]),
        ["remove"] = new JsonArray([.. group.Decisions.Where(d => !d.IsKept).Select(ToJson)]),
    })]));

    private static JsonObject ToJson(RetentionDecision decision) => new()
    {
        ["id"] = decision.Snapshot.Id.ToString(),
        ["time"] = decision.Snapshot.Manifest.Time.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["countedTime"] = decision.Time.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["source"] = decision.Snapshot.Manifest.Source.Display,
        ["reasons"] = new JsonArray([.. decision.Reasons.Select(reason => (JsonNode)reason)]),
    };
}
