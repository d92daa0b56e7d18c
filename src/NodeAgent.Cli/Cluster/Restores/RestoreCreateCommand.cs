using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Restores;

/// <summary>Asks the server for a restore.</summary>
internal static class RestoreCreateCommand
{
    private static readonly Argument<string?> RestoreName = new("NAME") { Description = "Name of the restore (default: the backup's or schedule's and the time)", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string> FromBackup = Flags.Text("--from-backup", "Backup to restore from", "name");
    private static readonly Option<string> FromSchedule = Flags.Text("--from-schedule", "Schedule whose newest backup to restore from", "name");
    private static readonly Option<string[]> IncludeNamespaces = Flags.List("--include-namespaces", "Namespaces to restore (default: all)", "names");
    private static readonly Option<string[]> ExcludeNamespaces = Flags.List("--exclude-namespaces", "Namespaces to leave out", "names");
    private static readonly Option<Dictionary<string, string>> NamespaceMappings = Flags.Map("--namespace-mappings", "Namespaces to restore under another name", "from:to,...", ':');
    private static readonly Option<Dictionary<string, string>> Labels = Flags.Map("--labels", "Labels of the object");
    private static readonly Option<Dictionary<string, string>> Annotations = Flags.Map("--annotations", "Annotations of the object");
    private static readonly Option<string[]> IncludeResources = Flags.List("--include-resources", "Resources to restore, as resource.group (default: all)", "resources");
    private static readonly Option<string[]> ExcludeResources = Flags.List("--exclude-resources", "Resources to leave out, as resource.group", "resources");
    private static readonly Option<string> ExistingResourcePolicy = Flags.Choice("--existing-resource-policy", "What to do with objects that exist", ["none", "update"]);
    private static readonly Option<string[]> StatusIncludeResources = Flags.List("--status-include-resources", "Resources whose status is restored", "resources");
    private static readonly Option<string[]> StatusExcludeResources = Flags.List("--status-exclude-resources", "Resources whose status is not restored", "resources");
    private static readonly Option<string> Selector = Flags.Text("--selector", "Only objects with matching labels", "selector", "-l");
    private static readonly Option<string> OrSelector = Flags.Text("--or-selector", "Only objects that match one of several selectors, parted by ' or '", "selectors");
    private static readonly Option<TimeSpan?> ItemOperationTimeout = Flags.Duration("--item-operation-timeout", "How long to wait for operations of plugins (default: the server's, 4h)");
    private static readonly Option<bool?> RestoreVolumes = Flags.OptionalBool("--restore-volumes", "Restore volumes from snapshots");
    private static readonly Option<bool?> PreserveNodePorts = Flags.OptionalBool("--preserve-nodeports", "Keep the node ports of services");
    private static readonly Option<bool?> IncludeClusterResources = Flags.OptionalBool("--include-cluster-resources", "Include cluster-scoped resources");
    private static readonly Option<bool?> AllowPartiallyFailed = Flags.OptionalBool("--allow-partially-failed", "With --from-schedule, take a partially failed backup as well");
    private static readonly Option<bool> Wait = Flags.Switch("--wait", "Wait until the restore has ended", "-w");
    private static readonly Option<string> ResourceModifier = Flags.Text("--resource-modifier-configmap", "ConfigMap with changes to make to restored objects", "name");
    private static readonly Option<string> ResourcePolicies = Flags.Text("--resource-policies-configmap", "ConfigMap with filter policies", "name");
    private static readonly Option<bool> SkipDefaultResourceModifier = Flags.Switch("--skip-default-resource-modifier", "Do not use the server's default changes");
    private static readonly Option<bool?> WriteSparseFiles = Flags.OptionalBool("--write-sparse-files", "Write holes instead of zeros");
    private static readonly Option<int> ParallelFilesDownload = Flags.Count("--parallel-files-download", "Files restored at a time (0: the server's choice)");

    public static Command Create(string name = "create")
    {
        var command = new Command(name, "Create a restore")
        {
            RestoreName, FromBackup, FromSchedule, IncludeNamespaces, ExcludeNamespaces, NamespaceMappings, Labels, Annotations,
            IncludeResources, ExcludeResources, ExistingResourcePolicy, StatusIncludeResources, StatusExcludeResources, Selector, OrSelector,
            ItemOperationTimeout, RestoreVolumes, PreserveNodePorts, IncludeClusterResources, AllowPartiallyFailed, Wait, ResourceModifier,
            ResourcePolicies, SkipDefaultResourceModifier, WriteSparseFiles, ParallelFilesDownload,
        };
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var (backupName, schedule) = (parse.GetValue(FromBackup)!, parse.GetValue(FromSchedule)!);
        if (backupName.Length > 0 == schedule.Length > 0)
            throw new UsageException("a restore needs one source (give either --from-backup or --from-schedule)");
        if (parse.GetValue(Selector) is { Length: > 0 } && parse.GetValue(OrSelector) is { Length: > 0 })
            throw new UsageException("--selector and --or-selector exclude each other (use one of the two)");
        if (parse.GetValue(AllowPartiallyFailed) is not null && schedule.Length == 0)
            throw new UsageException("--allow-partially-failed says which backup of a schedule to take (give --from-schedule as well)");

        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, Build(parse, backupName, schedule, ClusterOptions.NamespaceOf(parse)));
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        if (backupName.Length > 0)
        {
            await cluster.GetAsync(VeleroKinds.Backup, backupName, cancellationToken);
        }
        else if (parse.GetValue(AllowPartiallyFailed) == true)
        {
            // The server takes the newest completed backup of a schedule; asked for a partially failed one, it must be named.
            backupName = await NewestBackupAsync(cluster, schedule, cancellationToken);
            schedule = "";
        }

        var restore = Build(parse, backupName, schedule, cluster.Namespace);
        await cluster.CreateAsync(VeleroKinds.Restore, restore, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Restore request \"{restore.Name()}\" submitted successfully.");
        if (parse.GetValue(Wait))
            return await CompletionWait.RunAsync(cluster, VeleroKinds.Restore, restore.Name(), cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Follow it with: nodeagent restore describe {restore.Name()}");
        return ExitCode.Done;
    }

    private static async Task<string> NewestBackupAsync(ClusterSession cluster, string schedule, CancellationToken cancellationToken)
    {
        var backups = await cluster.ListAsync(VeleroKinds.Backup, $"velero.io/schedule-name={LabelValue.From(schedule)}", cancellationToken);
        return backups.Where(backup => backup.Phase() is "Completed" or "PartiallyFailed").MaxBy(backup => backup.Time("status", "startTimestamp"))?.Name()
            ?? throw new CommandException(ExitCode.NotFound, $"schedule {schedule}: it has no completed or partially failed backup to restore from (see: nodeagent backup get -l velero.io/schedule-name={schedule})");
    }

    private static JsonObject Build(ParseResult parse, string backup, string schedule, string @namespace)
    {
        var stamp = TimeProvider.System.GetUtcNow().ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);
        var name = parse.GetValue(RestoreName) is { Length: > 0 } given ? given : $"{(backup.Length > 0 ? backup : parse.GetValue(FromSchedule))}-{stamp}";
        var restore = VeleroKinds.Restore.NewObject(name, @namespace);
        SpecBuilder.SetMetadata(restore, parse.GetValue(Labels), parse.GetValue(Annotations));
        var spec = new SpecBuilder()
            .Set("backupName", backup)
            .Set("scheduleName", schedule)
            .Set("includedNamespaces", parse.GetValue(IncludeNamespaces) is { Length: > 0 } namespaces ? namespaces : ["*"])
            .Set("excludedNamespaces", parse.GetValue(ExcludeNamespaces))
            .Set("includedResources", parse.GetValue(IncludeResources))
            .Set("excludedResources", parse.GetValue(ExcludeResources))
            .Set("namespaceMapping", parse.GetValue(NamespaceMappings))
            .Set("existingResourcePolicy", parse.GetValue(ExistingResourcePolicy))
            .Set("restorePVs", parse.GetValue(RestoreVolumes))
            .Set("preserveNodePorts", parse.GetValue(PreserveNodePorts))
            .Set("includeClusterResources", parse.GetValue(IncludeClusterResources))
            .Set("itemOperationTimeout", parse.GetValue(ItemOperationTimeout));
        if (parse.GetValue(Selector) is { Length: > 0 } selector)
            spec.Set("labelSelector", LabelSelectors.Parse("--selector", selector));
        if (parse.GetValue(OrSelector) is { Length: > 0 } alternatives)
            spec.Set("orLabelSelectors", LabelSelectors.ParseAlternatives("--or-selector", alternatives));
        if (parse.GetValue(ResourceModifier) is { Length: > 0 } modifier)
            spec.Set("resourceModifier", ConfigMapReference.To(modifier));
        if (parse.GetValue(ResourcePolicies) is { Length: > 0 } policies)
            spec.Set("resourcePolicy", ConfigMapReference.To(policies));
        if (parse.GetValue(SkipDefaultResourceModifier))
            spec.Set("skipDefaultResourceModifier", (bool?)true);
        if (RestoreStatus(parse) is { Count: > 0 } status)
            spec.Set("restoreStatus", status);
        if (UploaderConfig(parse) is { Count: > 0 } uploader)
            spec.Set("uploaderConfig", uploader);
        restore["spec"] = spec.Build();
        return restore;
    }

    private static JsonObject RestoreStatus(ParseResult parse) => new SpecBuilder()
        .Set("includedResources", parse.GetValue(StatusIncludeResources))
        .Set("excludedResources", parse.GetValue(StatusExcludeResources))
        .Build();

    private static JsonObject UploaderConfig(ParseResult parse)
    {
        var builder = new SpecBuilder().Set("writeSparseFiles", parse.GetValue(WriteSparseFiles));
        if (parse.GetValue(ParallelFilesDownload) is > 0 and var parallel)
            builder.Set("parallelFilesDownload", JsonValue.Create(parallel));
        return builder.Build();
    }
}
