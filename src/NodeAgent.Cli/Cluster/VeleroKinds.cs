using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.Cluster;

/// <summary>The kinds that can be listed, with Velero's columns in Velero's order.</summary>
internal static class VeleroKinds
{
    private static readonly TimeSpan DefaultTimeToLive = TimeSpan.FromDays(30);

    public static readonly VeleroKind Backup = new(
        "Backup", "backups", "backup", "backups",
        new("NAME", static (o, _) => o.Name()) { Yields = 7, Min = 20, Stays = true },
        new("STATUS", static (o, _) => o.Phase()),
        new("ERRORS", static (o, _) => o.Number("status", "errors").ToInvariant()),
        new("WARNINGS", static (o, _) => o.Number("status", "warnings").ToInvariant()) { Yields = 6, Min = 5 },
        new("CREATED", static (o, _) => Timestamps.Full(o.Time("status", "startTimestamp"))) { Yields = 4, Min = 17 },
        new("EXPIRES", static (o, now) => Expires(o, now)) { Yields = 5 },
        new("STORAGE LOCATION", static (o, _) => o.Text("spec", "storageLocation")) { Yields = 3, Min = 8 },
        new("QUEUE POSITION", static (o, _) => o.Number("status", "queuePosition") is var position and not 0 ? position.ToInvariant() : "") { Yields = 2, Min = 6 },
        new("SELECTOR", static (o, _) => LabelSelectors.Format(o.Object("spec", "labelSelector"))) { Yields = 1, Min = 8 });

    public static readonly VeleroKind Restore = new(
        "Restore", "restores", "restore", "restores",
        new("NAME", static (o, _) => o.Name()) { Yields = 7, Min = 20, Stays = true },
        new("BACKUP", static (o, _) => o.Text("spec", "backupName")) { Yields = 6, Min = 12 },
        new("STATUS", static (o, _) => o.Phase()),
        new("STARTED", static (o, _) => Timestamps.Full(o.Time("status", "startTimestamp"))) { Yields = 3, Min = 17 },
        new("COMPLETED", static (o, _) => Timestamps.Full(o.Time("status", "completionTimestamp"))) { Yields = 4, Min = 17 },
        new("ERRORS", static (o, _) => o.Number("status", "errors").ToInvariant()),
        new("WARNINGS", static (o, _) => o.Number("status", "warnings").ToInvariant()) { Yields = 5, Min = 5 },
        new("CREATED", static (o, _) => Timestamps.Full(o.Time("metadata", "creationTimestamp"))) { Yields = 2, Min = 17 },
        new("SELECTOR", static (o, _) => LabelSelectors.Format(o.Object("spec", "labelSelector"))) { Yields = 1, Min = 8 });

    public static readonly VeleroKind Schedule = new(
        "Schedule", "schedules", "schedule", "schedules",
        new("NAME", static (o, _) => o.Name()) { Yields = 5, Min = 20, Stays = true },
        new("STATUS", static (o, _) => o.Phase()),
        new("CREATED", static (o, _) => Timestamps.Full(o.Time("metadata", "creationTimestamp"))) { Yields = 2, Min = 17 },
        new("SCHEDULE", static (o, _) => o.Text("spec", "schedule")),
        new("BACKUP TTL", static (o, _) => o.Text("spec", "template", "ttl") is { Length: > 0 } ttl ? ttl : "0s") { Yields = 3, Min = 8 },
        new("LAST BACKUP", static (o, now) => Timestamps.Ago(o.Time("status", "lastBackup"), now)),
        new("SELECTOR", static (o, _) => LabelSelectors.Format(o.Object("spec", "template", "labelSelector"))) { Yields = 1, Min = 8 },
        new("PAUSED", static (o, _) => o.Flag("spec", "paused") == true ? "true" : "false") { Yields = 4 });

    public static readonly VeleroKind BackupLocation = new(
        "BackupStorageLocation", "backupstoragelocations", "backup-location", "backup-locations",
        new("NAME", static (o, _) => o.Name()) { Yields = 5, Min = 20, Stays = true },
        new("PROVIDER", static (o, _) => o.Text("spec", "provider")) { Yields = 3, Min = 10 },
        new("BUCKET/PREFIX", static (o, _) => BucketAndPrefix(o)) { Yields = 4, Min = 12, KeepsEnd = true, Stays = true },
        new("PHASE", static (o, _) => o.Text("status", "phase") is { Length: > 0 } phase ? phase : "Unknown"),
        new("LAST VALIDATED", static (o, _) => o.Time("status", "lastValidationTime") is { } time ? Timestamps.Full(time) : "Unknown") { Yields = 1, Min = 17 },
        new("ACCESS MODE", static (o, _) => o.Text("spec", "accessMode") is { Length: > 0 } mode ? mode : "ReadWrite") { Yields = 2, Min = 9 },
        new("DEFAULT", static (o, _) => o.Flag("spec", "default") == true ? "true" : ""));

    public static readonly VeleroKind SnapshotLocation = new(
        "VolumeSnapshotLocation", "volumesnapshotlocations", "snapshot-location", "snapshot-locations",
        new("NAME", static (o, _) => o.Name()),
        new("PROVIDER", static (o, _) => o.Text("spec", "provider")));

    public static readonly VeleroKind Repository = new(
        "BackupRepository", "backuprepositories", "repo", "repos",
        new("NAME", static (o, _) => o.Name()) { Yields = 2, Min = 20, Stays = true },
        new("STATUS", static (o, _) => o.Phase()),
        new("LAST MAINTENANCE", static (o, _) => o.Time("status", "lastMaintenanceTime") is { } time ? Timestamps.Full(time) : "<never>") { Yields = 1, Min = 17 });

    public static readonly VeleroKind PodVolumeBackup = new("PodVolumeBackup", "podvolumebackups", "pod volume backup", "pod volume backups");

    public static readonly VeleroKind PodVolumeRestore = new("PodVolumeRestore", "podvolumerestores", "pod volume restore", "pod volume restores");

    public static readonly VeleroKind DeleteBackupRequest = new("DeleteBackupRequest", "deletebackuprequests", "delete request", "delete requests");

    public static readonly VeleroKind DownloadRequest = new("DownloadRequest", "downloadrequests", "download request", "download requests");

    public static readonly VeleroKind ServerStatusRequest = new("ServerStatusRequest", "serverstatusrequests", "server status request", "server status requests");

    /// <summary>Before the controller has set the expiration, the one it would set: the start plus the time to live.</summary>
    private static string Expires(JsonObject backup, DateTimeOffset now)
    {
        var expiration = backup.Time("status", "expiration");
        if (expiration is null && backup.Time("status", "startTimestamp") is { } start)
        {
            var timeToLive = GoDuration.TryParse(backup.Text("spec", "ttl"), out var given) && given > TimeSpan.Zero ? given : DefaultTimeToLive;
            expiration = start + timeToLive;
        }

        return expiration switch
        {
            null => "n/a",
            { } time when time < now => Timestamps.Short(now - time) + " ago",
            { } time => Timestamps.Short(time - now),
        };
    }

    /// <summary>A location that is a directory has no bucket; its path stands in the column instead.</summary>
    private static string BucketAndPrefix(JsonObject location)
    {
        var (bucket, prefix) = (location.Text("spec", "objectStorage", "bucket"), location.Text("spec", "objectStorage", "prefix"));
        if (bucket.Length == 0)
            bucket = location.Text("spec", "config", "path").TrimEnd('/');
        return prefix.Length == 0 ? bucket : $"{bucket}/{prefix}";
    }
}
