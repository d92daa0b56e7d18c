namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>Velero's public commands with their own flags. Shared ones are in <see cref="Shared"/>.</summary>
internal static class VeleroCommands
{
    /// <summary>What every command that talks to a cluster takes.</summary>
    public const string Shared = "-n --namespace --kubeconfig --kubecontext --features --colorized -v --logtostderr --alsologtostderr --stderrthreshold --vmodule"
        + " --log_dir --log_file --log_file_max_size --log_backtrace_at --skip_headers --skip_log_headers --add_dir_header --one_output";

    private const string Output = " -o --output -L --label-columns --show-labels";
    private const string Choice = "--all -l --selector";
    private const string Fetching = "--insecure-skip-tls-verify --cacert";

    private const string BackupSpec = "--ttl --include-namespaces --exclude-namespaces --include-resources --exclude-resources --include-cluster-scoped-resources"
        + " --exclude-cluster-scoped-resources --include-namespace-scoped-resources --exclude-namespace-scoped-resources --labels --annotations --storage-location"
        + " --volume-snapshot-locations -l --selector --or-selector --ordered-resources --csi-snapshot-timeout --item-operation-timeout --snapshot-volumes"
        + " --snapshot-move-data --include-cluster-resources --default-volumes-to-fs-backup --resource-policies-configmap --data-mover --parallel-files-upload --backup-type";

    /// <summary>Command, the other form of it, and its flags.</summary>
    public static readonly TheoryData<string, string, string> All = new()
    {
        { "backup create", "create backup", BackupSpec + " --from-schedule -w --wait" + Output },
        { "backup get", "get backups|get backup", "-l --selector" + Output },
        { "backup describe", "describe backups|describe backup", "-l --selector --details -o --output " + Fetching },
        { "backup logs", "", "--timeout " + Fetching },
        { "backup download", "", "-o --output --force --timeout " + Fetching },
        { "backup delete", "delete backup|delete backups", "--confirm " + Choice },
        { "restore create", "create restore", "--from-backup --from-schedule --include-namespaces --exclude-namespaces --namespace-mappings --labels --annotations --include-resources"
            + " --exclude-resources --existing-resource-policy --status-include-resources --status-exclude-resources -l --selector --or-selector --item-operation-timeout"
            + " --restore-volumes --preserve-nodeports --include-cluster-resources --allow-partially-failed -w --wait --resource-modifier-configmap"
            + " --resource-policies-configmap --skip-default-resource-modifier --write-sparse-files --parallel-files-download" + Output },
        { "restore get", "get restores|get restore", "-l --selector" + Output },
        { "restore describe", "describe restores|describe restore", "-l --selector --details " + Fetching },
        { "restore logs", "", "--timeout " + Fetching },
        { "restore delete", "delete restore|delete restores", "--confirm " + Choice },
        { "schedule create", "create schedule", BackupSpec + " --schedule --use-owner-references-in-backup --paused --skip-immediately" + Output },
        { "schedule get", "get schedules|get schedule", "-l --selector" + Output },
        { "schedule describe", "describe schedules|describe schedule", "-l --selector" },
        { "schedule pause", "", Choice + " --skip-immediately" },
        { "schedule unpause", "", Choice + " --skip-immediately" },
        { "schedule delete", "delete schedule|delete schedules", "--confirm " + Choice },
        { "backup-location create", "create backup-location", "--provider --bucket --credential --default --prefix --backup-sync-period --validation-frequency --config --labels --cacert --access-mode" + Output },
        { "backup-location get", "get backup-locations|get backup-location", "--default -l --selector" + Output },
        { "backup-location set", "", "--cacert --credential --default" },
        { "backup-location delete", "delete backup-location|delete backup-locations", "--confirm " + Choice },
        { "snapshot-location create", "create snapshot-location", "--provider --config --labels --credential" + Output },
        { "snapshot-location get", "get snapshot-locations|get snapshot-location", "-l --selector" + Output },
        { "snapshot-location set", "", "--credential" },
        { "repo get", "", "-l --selector" + Output },
        { "plugin get", "get plugins|get plugin", "--timeout" + Output },
        { "install", "", "--provider --bucket --secret-file --no-secret --apply --no-default-backup-location --image --prefix --pod-annotations --pod-labels --sa-annotations "
            + "--service-account-name --velero-pod-cpu-request --velero-pod-mem-request --velero-pod-cpu-limit --velero-pod-mem-limit --node-agent-pod-cpu-request "
            + "--node-agent-pod-mem-request --node-agent-pod-cpu-limit --node-agent-pod-mem-limit --kubelet-root-dir --backup-location-config "
            + "--snapshot-location-config --use-volume-snapshots --restore-only --dry-run --use-node-agent --use-node-agent-windows --privileged-node-agent --wait "
            + "--default-repo-maintain-frequency --garbage-collection-frequency --pod-volume-operation-timeout --plugins --crds-only --cacert "
            + "--default-volumes-to-fs-backup --uploader-type --default-snapshot-move-data --csi-snapshot-early-frequent-polling --disable-informer-cache "
            + "--schedule-skip-immediately --node-agent-disable-host-path --keep-latest-maintenance-jobs --maintenance-job-cpu-request --maintenance-job-mem-request "
            + "--maintenance-job-cpu-limit --maintenance-job-mem-limit --backup-repository-configmap --repo-maintenance-job-configmap "
            + "--default-resource-modifier-configmap --node-agent-configmap --item-block-worker-count --concurrent-backups --server-priority-class-name "
            + "--node-agent-priority-class-name "
            + "-o --output" },
        { "uninstall", "", "--force" },
        { "version", "", "--timeout --client-only" },
        { "debug", "", "--output --backup --restore --verbose" },
        { "bug", "", "" },
    };

    /// <summary>Commands that talk to no cluster.</summary>
    public static readonly string[] WithoutCluster = ["client config get", "client config set", "completion bash", "completion zsh", "completion fish"];

    /// <summary>Commands that are not there.</summary>
    public static readonly string[] Missing = [];

    /// <summary>Flags of `velero server` but for those of all commands.</summary>
    public static readonly string[] ServerFlags =
    [
        .. ("--log-level --log-format --plugin-dir --metrics-address --profiler-address --backup-sync-period --store-validation-frequency --fs-backup-timeout"
            + " --default-backup-storage-location --default-backup-ttl --volume-group-snapshot-label-key --restore-only --disable-controllers --restore-resource-priorities"
            + " --client-qps --client-burst --client-page-size --terminating-resource-timeout --default-repo-maintain-frequency --garbage-collection-frequency"
            + " --item-operation-sync-frequency --default-volumes-to-fs-backup --uploader-type --default-item-operation-timeout --resource-timeout"
            + " --max-concurrent-k8s-connections --default-snapshot-move-data --disable-informer-cache --schedule-skip-immediately --default-volume-snapshot-locations"
            + " --backup-repository-configmap --repo-maintenance-job-configmap --item-block-worker-count --concurrent-backups --global-backup-volume-policies-configmap"
            + " --default-resource-modifier-configmap --max-backup-extraction-size").Split(' '),
    ];
}
