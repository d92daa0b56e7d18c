namespace NodeAgent.Controller.Storage;

/// <summary>Keys of the files of one backup. The names are Velero's, so that either program lists the other's backups.</summary>
internal sealed record BackupFiles(string Backup)
{
    public const string Folder = "backups";

    /// <summary>The file that makes a folder a backup.</summary>
    public const string MetadataName = "velero-backup.json";

    public string Directory => $"{Folder}/{Backup}";

    /// <summary>A backup exists exactly when this file does.</summary>
    public string Metadata => $"{Directory}/{MetadataName}";

    /// <summary>There while the backup is made: whose the folder is.</summary>
    public string Claim => $"{Directory}/nodeagent-claim.json";

    public string Contents => $"{Directory}/{Backup}.tar.gz";

    public string Log => $"{Directory}/{Backup}-logs.gz";

    public string PodVolumeBackups => $"{Directory}/{Backup}-podvolumebackups.json.gz";

    public string VolumeSnapshots => $"{Directory}/{Backup}-volumesnapshots.json.gz";

    public string ItemOperations => $"{Directory}/{Backup}-itemoperations.json.gz";

    public string ResourceList => $"{Directory}/{Backup}-resource-list.json.gz";

    public string Results => $"{Directory}/{Backup}-results.gz";

    public string VolumeInfo => $"{Directory}/{Backup}-volumeinfo.json.gz";

    public string CsiVolumeSnapshots => $"{Directory}/{Backup}-csi-volumesnapshots.json.gz";

    public string CsiVolumeSnapshotClasses => $"{Directory}/{Backup}-csi-volumesnapshotclasses.json.gz";

    public string CsiVolumeSnapshotContents => $"{Directory}/{Backup}-csi-volumesnapshotcontents.json.gz";
}
