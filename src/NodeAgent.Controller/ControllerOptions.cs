using System.Globalization;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller;

/// <summary>Settings of the controller. Names and defaults follow the server flags of Velero where there is such a flag.</summary>
public sealed record ControllerOptions
{
    /// <summary>Namespace whose custom resources this controller works on (--namespace).</summary>
    public string Namespace { get; init; } = VeleroResources.DefaultNamespace;

    /// <summary>Location used when neither the backup nor a location's default flag names one (--default-backup-storage-location).</summary>
    public string DefaultBackupStorageLocation { get; init; } = "default";

    /// <summary>Snapshot location of backups that name none, by provider, where a provider has several (--default-volume-snapshot-locations).</summary>
    public IReadOnlyDictionary<string, string> DefaultVolumeSnapshotLocations { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether volumes of CSI drivers are snapshotted without a location of provider csi (--features EnableCSI).</summary>
    public bool CsiSnapshots { get; init; }

    /// <summary>How often locations without their own frequency are checked; zero never (--store-validation-frequency).</summary>
    public TimeSpan StoreValidationFrequency { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often every object is looked at again although no change was seen.</summary>
    public TimeSpan ResyncPeriod { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether files of all pod volumes are taken when a backup does not say (--default-volumes-to-fs-backup).</summary>
    public bool DefaultVolumesToFsBackup { get; init; }

    /// <summary>Retention of backups that do not say (--default-backup-ttl).</summary>
    public TimeSpan DefaultBackupTtl { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long the volumes of one backup or restore may take (--fs-backup-timeout).</summary>
    public TimeSpan FsBackupTimeout { get; init; } = TimeSpan.FromHours(4);

    /// <summary>How long cancelled volumes may take to end before they are given up.</summary>
    public TimeSpan CancelGracePeriod { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long hooks after a pod go on once their backup was ended early.</summary>
    public TimeSpan HookGracePeriod { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a restored pod may take to be scheduled, and a resource definition to be served (--resource-timeout).</summary>
    public TimeSpan ResourceTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often objects that are waited for are looked at.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked for VolumeSnapshots of restores whose claims are filled.</summary>
    public TimeSpan SnapshotSweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often pods are looked through for cron expressions of their own (annotation nodeagent.io/schedule); zero never (--pod-schedule-interval).</summary>
    public TimeSpan PodScheduleInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Namespaces whose pods may ask for backups by that annotation (--pod-schedule-namespaces), with wildcards; none by default: whoever may annotate a pod
    /// could otherwise fill the bucket and stand in the way of other backups, which nobody allowed him.
    /// </summary>
    public IReadOnlyList<string> PodScheduleNamespaces { get; init; } = [];

    /// <summary>Shortest time between two backups of one owner by that annotation (--pod-schedule-min-interval).</summary>
    public TimeSpan PodScheduleMinInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Backups by that annotation that are kept of one owner, the oldest are deleted; 0 for as many as do not expire (--pod-schedule-keep).</summary>
    public int PodScheduleKeep { get; init; } = 100;

    /// <summary>Whether objects are stored in all versions that the cluster serves, and not only in the preferred ones (--features EnableAPIGroupVersions).</summary>
    public bool AllApiVersions { get; init; }

    /// <summary>Backups that run at once (--concurrent-backups).</summary>
    public int ConcurrentBackups { get; init; } = 1;

    /// <summary>Blocks of items that one backup takes at once: an object and what it needs is one (--item-block-worker-count).</summary>
    public int ItemBlockWorkers { get; init; } = 1;

    /// <summary>ConfigMap of the controller's namespace with volume policies for every backup, which stand behind the backup's own; empty for none (--global-backup-volume-policies-configmap).</summary>
    public string GlobalVolumePolicies { get; init; } = "";

    /// <summary>ConfigMap of the controller's namespace with the changes of restores that name none themselves; empty for none (--default-resource-modifier-configmap).</summary>
    public string DefaultResourceModifier { get; init; } = "";

    /// <summary>Most bytes that a backup's archive may unpack to (--max-backup-extraction-size).</summary>
    public long MaxBackupExtractionSize { get; init; } = 16L << 30;

    /// <summary>Whether schedules that do not say skip the run that is due when they are made (--schedule-skip-immediately).</summary>
    public bool ScheduleSkipImmediately { get; init; }

    /// <summary>Order of restores: first list, a "-", last list; empty keeps the built-in order (--restore-resource-priorities).</summary>
    public IReadOnlyList<string> RestoreResourcePriorities { get; init; } = [];

    /// <summary>Image of the init container that holds restored pods back.</summary>
    public string RestoreImage { get; init; } = "nodeagent:latest";

    /// <summary>Command of that init container; its one argument, the restore's UID, is appended.</summary>
    public IReadOnlyList<string> RestoreCommand { get; init; } = ["/nodeagent", "restore-wait"];

    /// <summary>Age from which a node's heartbeat, unchanged as seen from here, counts as absent.</summary>
    public TimeSpan HeartbeatTimeout { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>How often a repository is maintained that does not say (--default-repo-maintain-frequency).</summary>
    public TimeSpan DefaultRepoMaintainFrequency { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Share of a repository's data that each maintenance reads, those packs that were read longest ago; 0 reads none.</summary>
    public double MaintenanceReadShare { get; init; } = 0.01;

    /// <summary>After this a maintenance reads no further pack.</summary>
    public TimeSpan MaintenanceReadTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Whether this server only restores (--restore-only): backups, schedules and deletions are refused with the reason, and nothing in the
    /// cluster or in a location is removed because of a sync, an expiry or maintenance.
    /// </summary>
    public bool RestoreOnly { get; init; }

    /// <summary>Parts of the work that are left out (--disable-controllers), by Velero's names; see <see cref="ControllerNames"/>.</summary>
    public IReadOnlyList<string> DisabledControllers { get; init; } = [];

    /// <summary>How often locations without their own period are synchronised; zero never (--backup-sync-period).</summary>
    public TimeSpan BackupSyncPeriod { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether replicas elect the one that works (a Lease named controller.nodeagent.io).</summary>
    public bool LeaderElection { get; init; } = true;

    /// <summary>
    /// How long after a leader fell silent another takes over; one that cannot reach the API server works on for three quarters of it. A leader
    /// that is stopped hands over at once.
    /// </summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Directory for archives while they are made or read; null for the system's.</summary>
    public string? WorkDirectory { get; init; }

    /// <summary>
    /// Where the controller itself serves files of locations that cannot, which are directories (--download-address); null where whoever downloads has them mounted.
    /// </summary>
    public ListenAddress? DownloadAddress { get; init; }

    /// <summary>
    /// What addresses of such downloads begin with (--download-url); null for the Service of the installation or, when one address of the machine is listened on, that.
    /// </summary>
    public Uri? DownloadUrl { get; init; }

    /// <summary>A share as <c>5%</c>.</summary>
    public static bool TryParseShare(string text, out double share)
    {
        share = 0;
        if (!text.EndsWith('%') || !double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent) || percent is not (>= 0 and <= 100)) return false;
        share = percent / 100;
        return true;
    }

    /// <summary>Whether a part of the work is left out.</summary>
    public bool Disables(string controller) => DisabledControllers.Contains(controller, StringComparer.Ordinal);

    /// <summary>All that is wrong with the settings, each with the name of the setting.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (!Selection.ObjectName.IsValid(Namespace)) errors.Add($"namespace: \"{Namespace}\" is no name of a namespace");
        if (StoreValidationFrequency < TimeSpan.Zero) errors.Add("store-validation-frequency: must not be negative");
        if (ResyncPeriod <= TimeSpan.Zero) errors.Add("resync-period: must be positive");
        if (DefaultBackupTtl <= TimeSpan.Zero) errors.Add("default-backup-ttl: must be positive");
        if (FsBackupTimeout <= TimeSpan.Zero) errors.Add("fs-backup-timeout: must be positive");
        if (PodScheduleInterval < TimeSpan.Zero) errors.Add("pod-schedule-interval: must not be negative");
        if (PodScheduleMinInterval < TimeSpan.Zero) errors.Add("pod-schedule-min-interval: must not be negative");
        if (PodScheduleKeep < 0) errors.Add("pod-schedule-keep: must not be negative");
        foreach (var pattern in PodScheduleNamespaces)
        {
            if (Selection.NamespacePattern.Problem(pattern) is { } problem) errors.Add($"pod-schedule-namespaces: \"{pattern}\" {problem}");
        }

        if (PollInterval <= TimeSpan.Zero) errors.Add("poll-interval: must be positive");
        if (ConcurrentBackups < 1) errors.Add("concurrent-backups: must be at least 1");
        if (ItemBlockWorkers is not (>= 1 and <= 100)) errors.Add("item-block-worker-count: must be from 1 to 100");
        if (GlobalVolumePolicies.Length > 0 && !Selection.ObjectName.IsValid(GlobalVolumePolicies)) errors.Add($"global-backup-volume-policies-configmap: \"{GlobalVolumePolicies}\" is no name of a ConfigMap");
        if (DefaultResourceModifier.Length > 0 && !Selection.ObjectName.IsValid(DefaultResourceModifier)) errors.Add($"default-resource-modifier-configmap: \"{DefaultResourceModifier}\" is no name of a ConfigMap");
        if (MaxBackupExtractionSize < 1) errors.Add("max-backup-extraction-size: must be positive");
        if (LeaseDuration < TimeSpan.FromSeconds(1)) errors.Add("lease-duration: must be at least a second");
        if (DefaultRepoMaintainFrequency <= TimeSpan.Zero) errors.Add("default-repo-maintain-frequency: must be positive");
        if (MaintenanceReadShare is not (>= 0 and <= 1)) errors.Add("maintenance-read-data-subset: must be a share from 0% to 100%");
        if (BackupSyncPeriod < TimeSpan.Zero) errors.Add("backup-sync-period: must not be negative");
        foreach (var name in DisabledControllers.Except(ControllerNames.All)) errors.Add($"disable-controllers: \"{name}\" is no controller; known are {string.Join(", ", ControllerNames.All)}");
        if (DownloadUrl is { } url && (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https") || url.Query.Length + url.Fragment.Length > 0)) errors.Add($"download-url: \"{url}\" is no address of the form http://HOST:PORT");
        if (DownloadUrl is not null && DownloadAddress is null) errors.Add("download-url: nothing is served without download-address");
        if (RestoreImage.Length == 0) errors.Add("restore-image: must not be empty");
        if (RestoreCommand.Count == 0) errors.Add("restore-command: must not be empty");
        return errors;
    }
}
