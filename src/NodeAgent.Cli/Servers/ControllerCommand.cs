using System.CommandLine;
using NodeAgent.Cli.Cluster;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Controller;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Cli.Servers;

/// <summary>The Deployment's process: runs backups, restores and what belongs to them in one namespace. `server` is Velero's name for it.</summary>
internal static class ControllerCommand
{
    private static readonly ControllerOptions Defaults = new();

    private static readonly Option<string> DefaultLocation = Flags.Text("--default-backup-storage-location", $"Location of backups that name none (default: {Defaults.DefaultBackupStorageLocation})", "name");
    private static readonly Option<Dictionary<string, string>> DefaultSnapshotLocations = Flags.Map("--default-volume-snapshot-locations", "Snapshot location of backups that name none, where a provider has several", "provider:location", ':');
    private static readonly Option<TimeSpan?> StoreValidationFrequency = Flags.Duration("--store-validation-frequency", "How often locations are checked; 0s: never (default: 1m)");
    private static readonly Option<TimeSpan?> DefaultBackupTtl = Flags.Duration("--default-backup-ttl", "How long backups are kept that do not say (default: 720h)");
    private static readonly Option<TimeSpan?> FsBackupTimeout = Flags.Duration("--fs-backup-timeout", "How long the volumes of one backup or restore may take (default: 4h)");
    private static readonly Option<TimeSpan?> ResourceTimeout = Flags.Duration("--resource-timeout", "How long to wait for objects of the cluster (default: 10m)");
    private static readonly Option<bool> DefaultVolumesToFsBackup = Flags.Switch("--default-volumes-to-fs-backup", "Back up all pod volumes as files where a backup does not say");
    private static readonly Option<int> ConcurrentBackups = Flags.Count("--concurrent-backups", "Backups that run at once", Defaults.ConcurrentBackups);
    private static readonly Option<int> ItemBlockWorkers = Flags.Count("--item-block-worker-count", "Items that one backup takes at once, each with what it needs", Defaults.ItemBlockWorkers);
    private static readonly Option<TimeSpan?> PodScheduleInterval = Flags.Duration("--pod-schedule-interval", "How often pods are looked through for the annotation nodeagent.io/schedule; 0s: never (default: 1m)");
    private static readonly Option<string[]> PodScheduleNamespaces = Flags.List("--pod-schedule-namespaces", "Namespaces whose pods may ask for backups by that annotation; \"*\": all (default: none)", "namespaces");
    private static readonly Option<TimeSpan?> PodScheduleMinInterval = Flags.Duration("--pod-schedule-min-interval", "Shortest time between two of these backups of one owner (default: 1h)");
    private static readonly Option<int> PodScheduleKeep = Flags.Count("--pod-schedule-keep", "How many of these backups of one owner are kept; the oldest are deleted; 0: all until they expire", Defaults.PodScheduleKeep);
    private static readonly Option<int> MaxExtractionSize = Flags.Count("--max-backup-extraction-size", "Most MiB that a backup's archive may unpack to (0: 16 GiB)");
    private static readonly Option<string[]> RestorePriorities = Flags.List("--restore-resource-priorities", "Order of restores: first ones,-,last ones", "resources");
    private static readonly Option<TimeSpan?> RepoMaintainFrequency = Flags.Duration("--default-repo-maintain-frequency", "How often repositories are checked and pruned that do not say (default: 24h)");
    private static readonly Option<string> ReadDataSubset = Flags.Text("--maintenance-read-data-subset", "Share of a repository's data that each maintenance reads; 0%: none (default: 1%)", "p%");
    private static readonly Option<string> MaintenanceJobs = Flags.Text("--repo-maintenance-job-configmap", "Accepted for compatibility: there are no jobs, maintenance runs in the controller", "name");
    private static readonly Option<string> KeepMaintenanceJobs = Flags.Text("--keep-latest-maintenance-jobs", "Accepted for compatibility: the latest 25 runs are kept in each repository's status", "n");
    private static readonly Option<string> MetricsAddress = Flags.Text("--metrics-address", "Address that serves /metrics, as :8085", "address");
    private static readonly Option<string> HealthAddress = Flags.Text("--health-address", "Address that serves /livez and /readyz, as :8086", "address");
    private static readonly Option<string> DownloadAddress = Flags.Text("--download-address", "Address that serves files of locations which are directories, as :8087", "address");
    private static readonly Option<string> DownloadUrl = Flags.Text("--download-url", "What addresses of such files begin with (default: the Service velero)", "url");
    private static readonly Option<bool?> LeaderElection = Flags.OptionalBool("--leader-election", "Whether replicas elect the one that works (default: true)");
    private static readonly Option<string> RestoreImage = Flags.Text("--restore-image", $"Image of the init container of restored pods (default: {Defaults.RestoreImage})", "image");
    private static readonly Option<string> WorkDirectory = Flags.Text("--work-directory", "Directory for archives while they are made or read (default: the system's)", "dir");

    private static readonly Option<string> GlobalVolumePolicies = Flags.Text("--global-backup-volume-policies-configmap", "ConfigMap with volume policies for every backup, behind the backup's own", "name");
    private static readonly Option<string> DefaultResourceModifier = Flags.Text("--default-resource-modifier-configmap", "ConfigMap with changes to what is restored, for restores that name none", "name");
    private static readonly Option<bool> ScheduleSkipImmediately = Flags.Switch("--schedule-skip-immediately", "Let schedules that do not say skip the run that is due when they are made");
    private static readonly Option<bool> RestoreOnly = Flags.Switch("--restore-only", "Only restore: refuse backups, schedules and deletions, and remove nothing from the cluster or from a location");
    private static readonly Option<string[]> DisabledControllers = Flags.List("--disable-controllers", $"Parts of the work to leave out: {string.Join(", ", ControllerNames.All)}", "names");
    private static readonly Option<TimeSpan?> BackupSyncPeriod = Flags.Duration("--backup-sync-period", "How often locations are synchronised that do not say; 0s: never (default: 1m)");

    // Of Velero's server, for arguments of a Deployment that were written for it: what they set is not there or sets itself.
    private static readonly Option[] Accepted =
    [
        .. ((string[])["--backup-repository-configmap", "--client-burst", "--client-page-size", "--client-qps", "--default-item-operation-timeout", "--garbage-collection-frequency", "--item-operation-sync-frequency",
            "--max-concurrent-k8s-connections", "--plugin-dir", "--profiler-address", "--terminating-resource-timeout"]).Select(name => Hidden(Flags.Text(name, "Accepted for compatibility"))),
        Hidden(Flags.OptionalBool("--disable-informer-cache", "Accepted for compatibility")),
        Hidden(Flags.Choice("--uploader-type", "Accepted for compatibility: the repository is this program's own", ["kopia", "restic"])),
    ];

    public static Command Create(string name = "controller", bool hidden = false)
    {
        var command = new Command(name, "Run the controller of a cluster")
        {
            DefaultLocation, DefaultSnapshotLocations, StoreValidationFrequency, DefaultBackupTtl, FsBackupTimeout, ResourceTimeout, DefaultVolumesToFsBackup, ConcurrentBackups,
            PodScheduleInterval, MaxExtractionSize, RestorePriorities, RepoMaintainFrequency, ReadDataSubset, MaintenanceJobs, KeepMaintenanceJobs, MetricsAddress, HealthAddress, DownloadAddress, DownloadUrl, LeaderElection, RestoreImage, WorkDirectory, ServerLogging.Level, ServerLogging.Format,
        };
        foreach (var option in (Option[])[ItemBlockWorkers, GlobalVolumePolicies, DefaultResourceModifier, ScheduleSkipImmediately, RestoreOnly, DisabledControllers, BackupSyncPeriod, PodScheduleNamespaces, PodScheduleMinInterval, PodScheduleKeep, .. Accepted])
            command.Add(option);
        command.Hidden = hidden;
        command.WithClusterOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = BuildOptions(parse);
        if (options.Validate() is { Count: > 0 } errors)
            throw new UsageException(string.Join("; ", errors));
        var config = ClusterConfig.Load(parse.GetValue(ClusterOptions.Kubeconfig), parse.GetValue(ClusterOptions.Kubecontext));
        await using var host = await ServerProcess.StartAsync("nodeagent-controller", parse, MetricsAddress, HealthAddress, cancellationToken);
        await new ControllerHost(options, config, host.Loggers, TimeProvider.System, host.Health).RunAsync(host.Stopping);
        // Asked to stop and stopped: for a server that is success.
        return ExitCode.Done;
    }

    private static Option Hidden(Option option)
    {
        option.Hidden = true;
        return option;
    }

    private static double ParseShare(string text) => ControllerOptions.TryParseShare(text, out var share)
        ? share
        : throw new UsageException($"--maintenance-read-data-subset {text}: not a share (write it as p%, 0 to 100)");

    private static ControllerOptions BuildOptions(ParseResult parse) => Defaults with
    {
        Namespace = ClusterOptions.NamespaceOf(parse),
        DefaultBackupStorageLocation = parse.GetValue(DefaultLocation) is { Length: > 0 } location ? location : Defaults.DefaultBackupStorageLocation,
        DefaultVolumeSnapshotLocations = parse.GetValue(DefaultSnapshotLocations) ?? [],
        CsiSnapshots = parse.GetValue(ClusterOptions.Features)?.Contains("EnableCSI") == true,
        StoreValidationFrequency = parse.GetValue(StoreValidationFrequency) ?? Defaults.StoreValidationFrequency,
        DefaultBackupTtl = parse.GetValue(DefaultBackupTtl) ?? Defaults.DefaultBackupTtl,
        FsBackupTimeout = parse.GetValue(FsBackupTimeout) ?? Defaults.FsBackupTimeout,
        ResourceTimeout = parse.GetValue(ResourceTimeout) ?? Defaults.ResourceTimeout,
        DefaultVolumesToFsBackup = parse.GetValue(DefaultVolumesToFsBackup),
        PodScheduleInterval = parse.GetValue(PodScheduleInterval) ?? Defaults.PodScheduleInterval,
        PodScheduleNamespaces = parse.GetValue(PodScheduleNamespaces) ?? [],
        PodScheduleMinInterval = parse.GetValue(PodScheduleMinInterval) ?? Defaults.PodScheduleMinInterval,
        PodScheduleKeep = parse.GetValue(PodScheduleKeep),
        AllApiVersions = parse.GetValue(ClusterOptions.Features)?.Contains("EnableAPIGroupVersions") == true,
        ConcurrentBackups = parse.GetValue(ConcurrentBackups),
        MaxBackupExtractionSize = parse.GetValue(MaxExtractionSize) is > 0 and var size ? (long)size << 20 : Defaults.MaxBackupExtractionSize,
        RestoreResourcePriorities = parse.GetValue(RestorePriorities) ?? [],
        DefaultRepoMaintainFrequency = parse.GetValue(RepoMaintainFrequency) is { } frequency && frequency != TimeSpan.Zero ? frequency : Defaults.DefaultRepoMaintainFrequency,
        MaintenanceReadShare = parse.GetValue(ReadDataSubset) is { Length: > 0 } share ? ParseShare(share) : Defaults.MaintenanceReadShare,
        ItemBlockWorkers = parse.GetValue(ItemBlockWorkers),
        GlobalVolumePolicies = parse.GetValue(GlobalVolumePolicies) ?? "",
        DefaultResourceModifier = parse.GetValue(DefaultResourceModifier) ?? "",
        ScheduleSkipImmediately = parse.GetValue(ScheduleSkipImmediately),
        RestoreOnly = parse.GetValue(RestoreOnly),
        DisabledControllers = parse.GetValue(DisabledControllers) ?? [],
        BackupSyncPeriod = parse.GetValue(BackupSyncPeriod) ?? Defaults.BackupSyncPeriod,
        DownloadAddress = ServerProcess.AddressOf(parse, DownloadAddress),
        DownloadUrl = parse.GetValue(DownloadUrl) is { Length: > 0 } url ? new Uri(url, UriKind.RelativeOrAbsolute) : null,
        LeaderElection = parse.GetValue(LeaderElection) ?? Defaults.LeaderElection,
        RestoreImage = parse.GetValue(RestoreImage) is { Length: > 0 } image ? image : Defaults.RestoreImage,
        WorkDirectory = parse.GetValue(WorkDirectory) is { Length: > 0 } directory ? directory : null,
    };
}
