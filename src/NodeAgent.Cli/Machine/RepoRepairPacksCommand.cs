using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Repair;

namespace NodeAgent.Cli.Machine;

/// <summary>Saves what is sound in damaged packs and takes them out of use.</summary>
internal static class RepoRepairPacksCommand
{
    private const int MinDigits = 4;

    private static readonly Argument<string[]> Ids = new("PACK")
    {
        Description = "Damaged packs: their names, or beginnings of the hashes in these; without any, those that are missing or have another length than the index says",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<bool> ReadData = Flags.Switch("--read-data", "Read all packs, and repair those in which anything is altered");
    private static readonly Option<bool> Discard = Flags.Switch("--discard-kept", "Only delete what earlier repairs have kept aside below damaged/");

    public static Command Create()
    {
        var command = new Command("packs", "Save what is sound in damaged packs, and take them out of use") { Ids, ReadData, RepairOptions.DryRun, RepairOptions.AllowMassRemoval, Discard };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var names = parse.GetValue(Ids)!;
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        if (parse.GetValue(Discard)) return await DiscardAsync(parse, repository, cancellationToken);
        var options = new PackRepairOptions
        {
            Packs = names.Length == 0 ? null : await ResolveAsync(repository, names, cancellationToken),
            ReadData = parse.GetValue(ReadData),
            DryRun = parse.GetValue(RepairOptions.DryRun),
            AllowMassRemoval = parse.GetValue(RepairOptions.AllowMassRemoval),
            Origin = RepairOptions.Origin,
        };
        PackRepairReport report;
        await using (var display = MachineOutput.StartProgress(parse, "repair packs"))
            report = await new PackRepair(repository, options, new CheckProgressReporter(display)).ExecuteAsync(cancellationToken);
        if (MachineOutput.IsJson(parse)) PrintJson(report, options);
        else await PrintTextAsync(report, options);
        return report.Lost == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task<IReadOnlyCollection<PackId>> ResolveAsync(ChunkRepository repository, string[] names, CancellationToken cancellationToken)
    {
        var all = names.All(name => PackId.TryParse(name, out _)) ? [] : await PackNames.ListAsync(repository, cancellationToken);
        return [.. names.Select(name => Resolve(all, name)).Distinct()];
    }

    private static PackId Resolve(IReadOnlyCollection<PackId> all, string name)
    {
        if (PackId.TryParse(name, out var exact)) return exact;
        var fitting = name.Length < MinDigits ? [] : all.Where(pack => pack.Hash.ToString().StartsWith(name, StringComparison.OrdinalIgnoreCase)).ToList();
        return fitting.Count switch
        {
            1 => fitting[0],
            0 => throw new CommandException(ExitCode.NotFound, $"there is no pack {DisplayText.Name(name)} (give the name that \"nodeagent repo check --read-data\" prints, or {MinDigits} or more of the first digits of the hash in it)"),
            _ => throw new CommandException(ExitCode.NotFound, $"{DisplayText.Name(name)} fits {fitting.Count} packs (give more digits)"),
        };
    }

    private static async Task<int> DiscardAsync(ParseResult parse, ChunkRepository repository, CancellationToken cancellationToken)
    {
        var isDryRun = parse.GetValue(RepairOptions.DryRun);
        var kept = isDryRun ? await QuarantinedPack.ListAsync(repository, cancellationToken) : await QuarantinedPack.DiscardAsync(repository, cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject { ["dryRun"] = isDryRun, ["discarded"] = new JsonArray([.. kept.Select(e => (JsonNode)e.Key)]) });
            return ExitCode.Done;
        }

        foreach (var entry in kept) await StandardStreams.Out.WriteLineAsync($"{(isDryRun ? "would delete" : "deleted")} {entry.Key} ({ByteSize.Format(entry.Length)})");
        if (kept.Count == 0) await StandardStreams.Out.WriteLineAsync("nothing is kept aside");
        return ExitCode.Done;
    }

    private static async Task PrintTextAsync(PackRepairReport report, PackRepairOptions options)
    {
        var output = StandardStreams.Out;
        foreach (var pack in report.Mended) await output.WriteLineAsync($"{pack}: damaged, and {(options.DryRun ? "can be mended" : "mended")} by its parity, byte for byte");
        foreach (var pack in report.Packs)
        {
            await output.WriteLineAsync($"{pack.Pack}: {pack.Damage}");
            var unknown = pack.Unknown > 0 ? $", {pack.Unknown:N0} that no snapshot uses and of which nothing is known" : "";
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"    {Amount.Of(pack.Chunks, "chunk", "chunks")}: {pack.Saved:N0} {(options.DryRun ? "can be saved" : "saved")}, {pack.Elsewhere:N0} sound in another pack, {pack.Lost:N0} lost{unknown}"));
            if (pack.KeptAs is not null) await output.WriteLineAsync($"    what is left of it is kept as {pack.KeptAs}");
        }

        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amount.Of(report.Looked, "pack", "packs")} looked at{(options.ReadData || options.Packs is not null ? " and read" : " (not read: --read-data does)")}, {report.Packs.Count + report.Mended.Count:N0} damaged{(report.Mended.Count > 0 ? $", {report.Mended.Count:N0} of them mended" : "")}, {ByteSize.Format(report.WrittenBytes)} written anew, {Amount.Of(report.Lost, "chunk", "chunks")} lost"));
        if (options.DryRun) await output.WriteLineAsync(RepairOptions.NothingWasChanged);
        else if (report.Lost > 0) await output.WriteLineAsync("what is lost is stored again by the next backup that has it, if it reads every file (snapshot create --force); after that, \"nodeagent repo repair snapshots\" says which files of which snapshots stay lost");
    }

    private static void PrintJson(PackRepairReport report, PackRepairOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["dryRun"] = options.DryRun,
        ["looked"] = report.Looked,
        ["writtenBytes"] = report.WrittenBytes,
        ["lost"] = report.Lost,
        ["mended"] = new JsonArray([.. report.Mended.Select(pack => (JsonNode)pack.Key)]),
        ["packs"] = new JsonArray([.. report.Packs.Select(pack => (JsonNode)new JsonObject
        {
            ["pack"] = pack.Pack.Key,
            ["damage"] = pack.Damage,
            ["chunks"] = pack.Chunks,
            ["saved"] = pack.Saved,
            ["elsewhere"] = pack.Elsewhere,
            ["lost"] = pack.Lost,
            ["unknown"] = pack.Unknown,
            ["keptAs"] = pack.KeptAs,
        })]),
    });
}
