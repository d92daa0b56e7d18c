using System.CommandLine;
using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Cluster.Installation;

/// <summary>The flags of <c>install</c>, under Velero's names.</summary>
internal static class InstallOptions
{
    public const string DefaultImage = "nodeagent:latest";

    public static readonly Option<string> Provider = Flags.Text("--provider", "Kind of store for backups: aws, azure or filesystem", "name");
    public static readonly Option<string> Bucket = Flags.Text("--bucket", "Bucket to store backups in (not needed for filesystem)", "name");
    public static readonly Option<string> Prefix = Flags.Text("--prefix", "Path in the bucket", "path");
    public static readonly Option<string> SecretFile = Flags.Text("--secret-file", "File with the provider's credentials; it becomes Secret cloud-credentials", "file");
    public static readonly Option<bool> NoSecret = Flags.Switch("--no-secret", "Install without credentials, where the pods get them in another way");
    public static readonly Option<bool> NoDefaultBackupLocation = Flags.Switch("--no-default-backup-location", "Install without a backup location");
    public static readonly Option<Dictionary<string, string>> BackupLocationConfig = Flags.Map("--backup-location-config", "Settings of the backup location, as region=eu-west-1");
    public static readonly Option<Dictionary<string, string>> SnapshotLocationConfig = Flags.Map("--snapshot-location-config", "Settings of the snapshot location");
    public static readonly Option<string> LocationVolume = Flags.Text("--location-volume", "What is mounted at the path of a filesystem location: pvc:NAME, nfs:SERVER:/PATH or hostPath:/PATH", "volume");
    public static readonly Option<bool?> UseVolumeSnapshots = Flags.OptionalBool("--use-volume-snapshots", "Whether to make a snapshot location where the provider has snapshots and a region is known (default: true)");
    public static readonly Option<bool?> UseNodeAgent = Flags.OptionalBool("--use-node-agent", "Whether to install the agent on each node, which backs up files (default: true)");
    public static readonly Option<string> Image = Flags.Text("--image", $"Image of all pods (default: {DefaultImage})", "image");
    public static readonly Option<Dictionary<string, string>> PodAnnotations = Flags.Map("--pod-annotations", "Annotations of all pods");
    public static readonly Option<Dictionary<string, string>> PodLabels = Flags.Map("--pod-labels", "Labels of all pods");
    public static readonly Option<Dictionary<string, string>> ServiceAccountAnnotations = Flags.Map("--sa-annotations", "Annotations of the service accounts, as those of a cloud's identities");
    public static readonly Option<string> ServiceAccountName = Flags.Text("--service-account-name", "Service account of the controller, which exists already (default: velero, which is made)", "name");
    public static readonly Option<string> KubeletRoot = Flags.Text("--kubelet-root-dir", "The kubelet's directory on the nodes (default: /var/lib/kubelet)", "dir");
    public static readonly Option<bool> RestoreOnly = Flags.Switch("--restore-only", "Only restore: refuse backups, schedules and deletions");
    public static readonly Option<bool> DryRun = Flags.Switch("--dry-run", "Print the objects and do not send them");
    public static readonly Option<bool> Apply = Flags.Switch("--apply", "Change objects that are there already, by server-side apply");
    public static readonly Option<bool> CrdsOnly = Flags.Switch("--crds-only", "Install the custom resource definitions only");
    public static readonly Option<bool> Wait = Flags.Switch("--wait", "Wait until controller and agents are ready");
    public static readonly Option<TimeSpan?> RepoMaintainFrequency = Flags.Duration("--default-repo-maintain-frequency", "How often repositories are checked and pruned (default: the server's, 24h)");
    public static readonly Option<TimeSpan?> PodVolumeOperationTimeout = Flags.Duration("--pod-volume-operation-timeout", "How long the volumes of one backup or restore may take (default: the server's, 4h)");
    public static readonly Option<bool> DefaultVolumesToFsBackup = Flags.Switch("--default-volumes-to-fs-backup", "Back up all pod volumes as files where a backup does not say");
    public static readonly Option<int> ConcurrentBackups = Flags.Count("--concurrent-backups", "Backups that run at once; 0: as many as the server has it");
    public static readonly Option<int> ItemBlockWorkers = Flags.Count("--item-block-worker-count", "Items that one backup takes at once, each with what it needs; 0: as the server has it");
    public static readonly Option<string> DefaultResourceModifier = Flags.Text("--default-resource-modifier-configmap", "ConfigMap with changes to what is restored, for restores that name none", "name");
    public static readonly Option<string> ServerPriorityClass = Flags.Text("--server-priority-class-name", "Priority class of the controller's pods", "name");
    public static readonly Option<string> AgentPriorityClass = Flags.Text("--node-agent-priority-class-name", "Priority class of the agents' pods", "name");

    /// <summary>Requests and limits of the containers.</summary>
    public static readonly Size[] Sizes =
    [
        .. from part in (string[])["velero", "node-agent"]
           from kind in (string[])["request", "limit"]
           from resource in (string[])["cpu", "mem"]
           select new Size(
               Flags.Text($"--{part}-pod-{resource}-{kind}", $"{(resource == "cpu" ? "CPU" : "Memory")} {kind} of the {(part == "velero" ? "controller" : "agents")}; 0: none", "quantity"),
               part == "node-agent", kind + "s", resource == "cpu" ? "cpu" : "memory"),
    ];

    // Taken so that scripts written for Velero run unchanged. What they are about is not there, or needs no setting.
    public static readonly IReadOnlyList<Option> Ignored =
    [
        .. ((string[])["--use-node-agent-windows", "--privileged-node-agent", "--default-snapshot-move-data", "--csi-snapshot-early-frequent-polling", "--disable-informer-cache", "--node-agent-disable-host-path", "--schedule-skip-immediately"])
            .Select(name => (Option)Flags.OptionalBool(name, "Accepted for compatibility")),
        .. ((string[])[
            "--garbage-collection-frequency", "--keep-latest-maintenance-jobs", "--maintenance-job-cpu-request", "--maintenance-job-mem-request", "--maintenance-job-cpu-limit", "--maintenance-job-mem-limit",
            "--backup-repository-configmap", "--repo-maintenance-job-configmap", "--node-agent-configmap", "--uploader-type"])
            .Select(name => (Option)Flags.Text(name, "Accepted for compatibility")),
        Flags.List("--plugins", "Accepted for compatibility: the providers are part of the program"),
    ];

    public static IEnumerable<Option> All =>
    [
        Provider, Bucket, Prefix, SecretFile, NoSecret, NoDefaultBackupLocation, BackupLocationConfig, SnapshotLocationConfig, LocationVolume, UseVolumeSnapshots, UseNodeAgent, CertificateOptions.CaCertificate,
        Image, PodAnnotations, PodLabels, ServiceAccountAnnotations, ServiceAccountName, KubeletRoot, RestoreOnly, DryRun, Apply, CrdsOnly, Wait, RepoMaintainFrequency, PodVolumeOperationTimeout,
        DefaultVolumesToFsBackup, ConcurrentBackups, ItemBlockWorkers, DefaultResourceModifier, ServerPriorityClass, AgentPriorityClass, .. Sizes.Select(size => size.Flag), .. Ignored.Select(Hide),
    ];

    private static Option Hide(Option option)
    {
        option.Hidden = true;
        return option;
    }

    /// <summary>A flag, and what it sets: in the agent's container or the controller's, of a kind ("requests" or "limits"), for a resource.</summary>
    public sealed record Size(Option<string> Flag, bool IsAgent, string Kind, string Resource);
}
