using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster.Backups;

/// <summary>The flags that describe what a backup holds; `backup create` and `schedule create` share them.</summary>
internal static class BackupSpecOptions
{
    public static readonly Option<string> StorageLocation = Flags.Text("--storage-location", "Location to store the backup in (default: the default location)", "name");
    private static readonly Option<TimeSpan?> TimeToLive = Flags.Duration("--ttl", "How long the backup is kept (default: the server's, 720h)");
    private static readonly Option<string[]> IncludeNamespaces = Flags.List("--include-namespaces", "Namespaces to back up (default: all)", "names");
    private static readonly Option<string[]> ExcludeNamespaces = Flags.List("--exclude-namespaces", "Namespaces to leave out", "names");
    private static readonly Option<string[]> IncludeResources = Flags.List("--include-resources", "Resources to back up, as resource.group (default: all)", "resources");
    private static readonly Option<string[]> ExcludeResources = Flags.List("--exclude-resources", "Resources to leave out, as resource.group", "resources");
    private static readonly Option<string[]> IncludeClusterScoped = Flags.List("--include-cluster-scoped-resources", "Cluster-scoped resources to back up", "resources");
    private static readonly Option<string[]> ExcludeClusterScoped = Flags.List("--exclude-cluster-scoped-resources", "Cluster-scoped resources to leave out", "resources");
    private static readonly Option<string[]> IncludeNamespaceScoped = Flags.List("--include-namespace-scoped-resources", "Namespaced resources to back up", "resources");
    private static readonly Option<string[]> ExcludeNamespaceScoped = Flags.List("--exclude-namespace-scoped-resources", "Namespaced resources to leave out", "resources");
    private static readonly Option<string[]> SnapshotLocations = Flags.List("--volume-snapshot-locations", "Locations for volume snapshots, one a provider", "names");
    private static readonly Option<string> Selector = Flags.Text("--selector", "Only objects with matching labels", "selector", "-l");
    private static readonly Option<string> OrSelector = Flags.Text("--or-selector", "Only objects that match one of several selectors, parted by ' or '", "selectors");
    private static readonly Option<Dictionary<string, string>> OrderedResources = Flags.OrderedMap("--ordered-resources", "Objects to back up first, in order");
    private static readonly Option<TimeSpan?> CsiSnapshotTimeout = Flags.Duration("--csi-snapshot-timeout", "How long to wait for a CSI snapshot (default: the server's, 10m)");
    private static readonly Option<TimeSpan?> ItemOperationTimeout = Flags.Duration("--item-operation-timeout", "How long to wait for operations of plugins (default: the server's, 4h)");
    private static readonly Option<bool?> SnapshotVolumes = Flags.OptionalBool("--snapshot-volumes", "Take snapshots of volumes (unset: where it can be done)");
    private static readonly Option<bool?> SnapshotMoveData = Flags.OptionalBool("--snapshot-move-data", "Move the data of snapshots to the location");
    private static readonly Option<bool?> IncludeClusterResources = Flags.OptionalBool("--include-cluster-resources", "Include cluster-scoped resources (unset: those that belong to what is backed up)");
    private static readonly Option<bool?> DefaultVolumesToFsBackup = Flags.OptionalBool("--default-volumes-to-fs-backup", "Back up all pod volumes as files, but for those excluded by annotation");
    private static readonly Option<string> ResourcePolicies = Flags.Text("--resource-policies-configmap", "ConfigMap with volume policies", "name");
    private static readonly Option<string> DataMover = Flags.Text("--data-mover", "Mover of snapshot data", "name");
    private static readonly Option<int> ParallelFilesUpload = Flags.Count("--parallel-files-upload", "Files uploaded at a time (0: the server's choice)");
    private static readonly Option<string> BackupType = Flags.Choice("--backup-type", "How volume data is captured", ["Full", "Incremental"]);

    public static readonly Option<Dictionary<string, string>> Labels = Flags.Map("--labels", "Labels of the object");
    public static readonly Option<Dictionary<string, string>> Annotations = Flags.Map("--annotations", "Annotations of the object");

    public static void AddTo(Command command)
    {
        foreach (Option option in (Option[])
        [
            TimeToLive, IncludeNamespaces, ExcludeNamespaces, IncludeResources, ExcludeResources, IncludeClusterScoped, ExcludeClusterScoped,
            IncludeNamespaceScoped, ExcludeNamespaceScoped, Labels, Annotations, StorageLocation, SnapshotLocations, Selector, OrSelector,
            OrderedResources, CsiSnapshotTimeout, ItemOperationTimeout, SnapshotVolumes, SnapshotMoveData, IncludeClusterResources,
            DefaultVolumesToFsBackup, ResourcePolicies, DataMover, ParallelFilesUpload, BackupType,
        ])
            command.Add(option);
    }

    /// <exception cref="UsageException">The flags exclude each other.</exception>
    public static JsonObject BuildSpec(ParseResult parse)
    {
        var usesOldFilters = Given(parse, IncludeResources) || Given(parse, ExcludeResources) || parse.GetValue(IncludeClusterResources) is not null;
        var usesNewFilters = Given(parse, IncludeClusterScoped) || Given(parse, ExcludeClusterScoped) || Given(parse, IncludeNamespaceScoped) || Given(parse, ExcludeNamespaceScoped);
        if (usesOldFilters && usesNewFilters)
            throw new UsageException("--include-resources, --exclude-resources and --include-cluster-resources cannot be combined with the cluster-scoped and namespace-scoped filters (use one of the two families)");
        if (parse.GetValue(Selector) is { Length: > 0 } && parse.GetValue(OrSelector) is { Length: > 0 })
            throw new UsageException("--selector and --or-selector exclude each other (use one of the two)");

        var spec = new SpecBuilder()
            .Set("includedNamespaces", Given(parse, IncludeNamespaces) ? parse.GetValue(IncludeNamespaces) : ["*"])
            .Set("excludedNamespaces", parse.GetValue(ExcludeNamespaces))
            .Set("includedResources", parse.GetValue(IncludeResources))
            .Set("excludedResources", parse.GetValue(ExcludeResources))
            .Set("includedClusterScopedResources", parse.GetValue(IncludeClusterScoped))
            .Set("excludedClusterScopedResources", parse.GetValue(ExcludeClusterScoped))
            .Set("includedNamespaceScopedResources", parse.GetValue(IncludeNamespaceScoped))
            .Set("excludedNamespaceScopedResources", parse.GetValue(ExcludeNamespaceScoped))
            .Set("includeClusterResources", parse.GetValue(IncludeClusterResources))
            .Set("ttl", parse.GetValue(TimeToLive))
            .Set("storageLocation", parse.GetValue(StorageLocation))
            .Set("volumeSnapshotLocations", parse.GetValue(SnapshotLocations))
            .Set("snapshotVolumes", parse.GetValue(SnapshotVolumes))
            .Set("snapshotMoveData", parse.GetValue(SnapshotMoveData))
            .Set("defaultVolumesToFsBackup", parse.GetValue(DefaultVolumesToFsBackup))
            .Set("csiSnapshotTimeout", parse.GetValue(CsiSnapshotTimeout))
            .Set("itemOperationTimeout", parse.GetValue(ItemOperationTimeout))
            .Set("orderedResources", parse.GetValue(OrderedResources))
            .Set("datamover", parse.GetValue(DataMover))
            .Set("backupType", parse.GetValue(BackupType));
        if (parse.GetValue(Selector) is { Length: > 0 } selector)
            spec.Set("labelSelector", LabelSelectors.Parse("--selector", selector));
        if (parse.GetValue(OrSelector) is { Length: > 0 } alternatives)
            spec.Set("orLabelSelectors", LabelSelectors.ParseAlternatives("--or-selector", alternatives));
        if (parse.GetValue(ResourcePolicies) is { Length: > 0 } policies)
            spec.Set("resourcePolicy", ConfigMapReference.To(policies));
        if (parse.GetValue(ParallelFilesUpload) is > 0 and var parallel)
            spec.Set("uploaderConfig", new JsonObject { ["parallelFilesUpload"] = parallel });
        return spec.Build();
    }

    private static bool Given(ParseResult parse, Option<string[]> option) => parse.GetValue(option) is { Length: > 0 };
}
