namespace NodeAgent.Controller;

/// <summary>Parts of the controller's work, under the names that Velero has for them.</summary>
public static class ControllerNames
{
    /// <summary>Runs backups.</summary>
    public const string Backup = "backup";

    /// <summary>Carries out requests to delete backups.</summary>
    public const string BackupDeletion = "backup-deletion";

    /// <summary>Brings the backups of a location into the cluster, and takes those out whose files are gone.</summary>
    public const string BackupSync = "backup-sync";

    /// <summary>Maintains repositories.</summary>
    public const string BackupRepository = "backup-repo";

    /// <summary>Answers where files can be fetched.</summary>
    public const string DownloadRequest = "download-request";

    /// <summary>Asks for the deletion of expired backups.</summary>
    public const string Expiry = "gc";

    /// <summary>Runs restores.</summary>
    public const string Restore = "restore";

    /// <summary>Makes backups at set times.</summary>
    public const string Schedule = "schedule";

    /// <summary>Answers which version runs.</summary>
    public const string ServerStatusRequest = "server-status-request";

    /// <summary>All names that may be given. The last ones are parts of backups and restores here and cannot be left out by themselves.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Backup, BackupDeletion, BackupSync, BackupRepository, DownloadRequest, Expiry, Restore, Schedule, ServerStatusRequest,
        "backup-queue", "backup-operations", "backup-finalizer", "restore-operations", "restore-finalizer",
    ];
}
