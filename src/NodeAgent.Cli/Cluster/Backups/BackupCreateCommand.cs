using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Backups;

/// <summary>Asks the server for a backup.</summary>
internal static class BackupCreateCommand
{
    private static readonly Argument<string?> BackupName = new("NAME") { Description = "Name of the backup", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string> FromSchedule = Flags.Text("--from-schedule", "Take everything but the name from a schedule", "name");
    private static readonly Option<bool> Wait = Flags.Switch("--wait", "Wait until the backup has ended", "-w");

    public static Command Create(string name = "create")
    {
        var command = new Command(name, "Create a backup") { BackupName };
        BackupSpecOptions.AddTo(command);
        command.Add(FromSchedule);
        command.Add(Wait);
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var (name, schedule) = (parse.GetValue(BackupName), parse.GetValue(FromSchedule)!);
        if (string.IsNullOrEmpty(name) && schedule.Length == 0)
            throw new UsageException("a backup needs a name (give NAME, or --from-schedule for one made from the schedule's)");

        if (OutputOptions.PrintsOnly(parse) && schedule.Length == 0)
        {
            OutputOptions.PrintObject(parse, Build(parse, name!, ClusterOptions.NamespaceOf(parse)));
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var backup = schedule.Length > 0
            ? FromTemplate(await cluster.GetAsync(VeleroKinds.Schedule, schedule, cancellationToken), name, cluster.Namespace)
            : Build(parse, name!, cluster.Namespace);
        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, backup);
            return ExitCode.Done;
        }

        // An unknown location would only show as a failed validation later on.
        if (backup.Raw("spec", "storageLocation") is { Length: > 0 } location)
            await cluster.GetAsync(VeleroKinds.BackupLocation, location, cancellationToken);
        await cluster.CreateAsync(VeleroKinds.Backup, backup, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Backup request \"{backup.Name()}\" submitted successfully.");
        if (parse.GetValue(Wait))
            return await CompletionWait.RunAsync(cluster, VeleroKinds.Backup, backup.Name(), cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Follow it with: nodeagent backup describe {backup.Name()}");
        return ExitCode.Done;
    }

    private static JsonObject Build(ParseResult parse, string name, string @namespace)
    {
        var backup = VeleroKinds.Backup.NewObject(name, @namespace);
        SpecBuilder.SetMetadata(backup, parse.GetValue(BackupSpecOptions.Labels), parse.GetValue(BackupSpecOptions.Annotations));
        backup["spec"] = BackupSpecOptions.BuildSpec(parse);
        return backup;
    }

    private static JsonObject FromTemplate(JsonObject schedule, string? name, string @namespace)
    {
        var stamp = TimeProvider.System.GetUtcNow().ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);
        var backup = VeleroKinds.Backup.NewObject(string.IsNullOrEmpty(name) ? $"{schedule.Name()}-{stamp}" : name, @namespace);
        var template = schedule.Object("spec", "template")?.DeepClone().AsObject() ?? [];

        // The template's own metadata wins over the schedule's; the label that names the schedule wins over both.
        var labels = Merged(schedule.Object("metadata", "labels"), template.Object("metadata", "labels"));
        labels["velero.io/schedule-name"] = LabelValue.From(schedule.Name());
        backup["metadata"]!["labels"] = labels;
        var annotations = Merged(schedule.Object("metadata", "annotations"), template.Object("metadata", "annotations"));
        annotations.Remove("kubectl.kubernetes.io/last-applied-configuration");
        if (annotations.Count > 0)
            backup["metadata"]!["annotations"] = annotations;
        if (schedule.Flag("spec", "useOwnerReferencesInBackup") == true)
        {
            backup["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject
            {
                ["apiVersion"] = VeleroKind.ApiVersion,
                ["kind"] = VeleroKinds.Schedule.Kind,
                ["name"] = schedule.Name(),
                ["uid"] = schedule.Raw("metadata", "uid"),
                ["controller"] = true,
            });
        }

        template.Remove("metadata");
        backup["spec"] = template;
        return backup;
    }

    private static JsonObject Merged(JsonObject? below, JsonObject? above)
    {
        var merged = below?.DeepClone().AsObject() ?? [];
        foreach (var (key, value) in above ?? [])
            merged[key] = value?.DeepClone();
        return merged;
    }
}
