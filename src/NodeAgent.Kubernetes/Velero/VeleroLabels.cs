using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>Labels, annotations and finalizers that Velero gives a meaning to, and the rule that fits names into labels.</summary>
public static class VeleroLabels
{
    public const string ScheduleName = "velero.io/schedule-name";
    public const string StorageLocation = "velero.io/storage-location";
    public const string BackupName = "velero.io/backup-name";
    public const string BackupUid = "velero.io/backup-uid";
    public const string RestoreName = "velero.io/restore-name";
    public const string RestoreUid = "velero.io/restore-uid";
    public const string PodUid = "velero.io/pod-uid";
    public const string PvcUid = "velero.io/pvc-uid";
    public const string PvcName = "velero.io/pvc-name";
    public const string VolumeNamespace = "velero.io/volume-namespace";
    public const string RepositoryType = "velero.io/repository-type";
    public const string ExcludeFromBackup = "velero.io/exclude-from-backup";
    public const string GcFailure = "velero.io/gc-failure";
    public const string ExposeOnGoing = "velero.io/expose-on-going";
    public const string RestoreStatus = "velero.io/restore-status";
    public const string PodVolumeTimeout = "velero.io/pod-volume-timeout";
    public const string ResourceTimeout = "velero.io/resource-timeout";
    public const string GlobalVolumePolicies = "velero.io/global-backup-volume-policy-configmap";
    public const string SourceClusterGitVersion = "velero.io/source-cluster-k8s-gitversion";
    public const string SourceClusterMajorVersion = "velero.io/source-cluster-k8s-major-version";
    public const string SourceClusterMinorVersion = "velero.io/source-cluster-k8s-minor-version";

    /// <summary>Pod annotation: comma list of the volumes whose files are backed up (opt-in mode).</summary>
    public const string BackupVolumes = "backup.velero.io/backup-volumes";

    /// <summary>Pod annotation: comma list of the volumes left out (opt-out mode).</summary>
    public const string BackupVolumesExcludes = "backup.velero.io/backup-volumes-excludes";

    public const string RestoreFinalizer = "restores.velero.io/external-resources-finalizer";
    public const string PodVolumeFinalizer = "velero.io/pod-volume-finalizer";

    /// <summary>Kinds of a pod's volumes whose files are neither backed up nor restored, as the pod names them.</summary>
    public static IReadOnlyList<string> VolumesNeverTaken { get; } = ["hostPath", "secret", "configMap", "projected", "downwardAPI"];

    /// <summary>Name of the init container that holds a restored pod back until its volumes are filled.</summary>
    public const string RestoreWaitContainer = "restore-wait";

    /// <summary>
    /// Name of the emptyDir volume of a restored pod in which agents tell that container which volumes are filled. In the volumes themselves
    /// it could not look for that: the owner and mode that come back with a volume's files may keep its user out.
    /// </summary>
    public const string RestoreMarksVolume = "nodeagent-restore";

    /// <summary>Annotation on volume backups and restores: the data is in this system's repository, whatever uploaderType says.</summary>
    public const string DataFormat = "nodeagent.io/data-format";

    /// <summary>The value of <see cref="DataFormat"/> that this version writes.</summary>
    public const string DataFormatV1 = "nodeagent-v1";

    private const int MaxLabelLength = 63;
    private const int HashLength = 6;

    /// <summary>
    /// A name as a label value: unchanged up to 63 characters, else its first 57 and the first 6 hexadecimal digits of its
    /// SHA-256. The rule is Velero's, so that label queries of either find the objects of the other.
    /// </summary>
    public static string ToLabelValue(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length <= MaxLabelLength) return name;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        return string.Concat(name.AsSpan(0, MaxLabelLength - HashLength), hash.AsSpan(0, HashLength));
    }
}
