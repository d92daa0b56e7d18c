namespace NodeAgent.Kubernetes.Velero;

/// <summary>The custom resources, all of them namespaced.</summary>
public static class VeleroResources
{
    public const string Group = "velero.io";

    public const string ApiVersion = Group + "/v1";

    public const string AlphaApiVersion = Group + "/v2alpha1";

    public const string DefaultNamespace = "velero";

    public static readonly ResourceKind Backups = Of("backups", Backup.KindName);

    public static readonly ResourceKind Restores = Of("restores", Restore.KindName);

    public static readonly ResourceKind Schedules = Of("schedules", Schedule.KindName);

    public static readonly ResourceKind BackupStorageLocations = Of("backupstoragelocations", BackupStorageLocation.KindName);

    public static readonly ResourceKind VolumeSnapshotLocations = Of("volumesnapshotlocations", VolumeSnapshotLocation.KindName);

    public static readonly ResourceKind BackupRepositories = Of("backuprepositories", BackupRepository.KindName);

    public static readonly ResourceKind DeleteBackupRequests = Of("deletebackuprequests", DeleteBackupRequest.KindName);

    public static readonly ResourceKind DownloadRequests = Of("downloadrequests", DownloadRequest.KindName);

    public static readonly ResourceKind ServerStatusRequests = Of("serverstatusrequests", ServerStatusRequest.KindName);

    public static readonly ResourceKind PodVolumeBackups = Of("podvolumebackups", PodVolumeBackup.KindName);

    public static readonly ResourceKind PodVolumeRestores = Of("podvolumerestores", PodVolumeRestore.KindName);

    public static readonly ResourceKind DataUploads = Of("datauploads", DataUpload.KindName, "v2alpha1");

    public static readonly ResourceKind DataDownloads = Of("datadownloads", DataDownload.KindName, "v2alpha1");

    public static readonly IReadOnlyList<ResourceKind> All =
    [
        Backups, Restores, Schedules, BackupStorageLocations, VolumeSnapshotLocations, BackupRepositories, DeleteBackupRequests,
        DownloadRequests, ServerStatusRequests, PodVolumeBackups, PodVolumeRestores, DataUploads, DataDownloads,
    ];

    private static ResourceKind Of(string plural, string kind, string version = "v1") => new(Group, version, plural, kind);
}
