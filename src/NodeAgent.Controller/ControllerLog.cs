using Microsoft.Extensions.Logging;

namespace NodeAgent.Controller;

/// <summary>What the process itself logs. The course of a backup or restore goes to that run's own log in the bucket.</summary>
internal static partial class ControllerLog
{
    [LoggerMessage(1, LogLevel.Information, "controller started for namespace {Namespace}")]
    public static partial void Started(this ILogger log, string @namespace);

    [LoggerMessage(5, LogLevel.Warning, "several backup storage locations are marked as default ({Names}); the newest, {Chosen}, is used")]
    public static partial void SeveralDefaults(this ILogger log, string names, string chosen);

    [LoggerMessage(6, LogLevel.Information, "{Kind} {Name}: {Phase}")]
    public static partial void Ended(this ILogger log, string kind, string name, string phase);

    [LoggerMessage(7, LogLevel.Error, "{Kind} {Name} failed")]
    public static partial void RunFailed(this ILogger log, string kind, string name, Exception error);

    [LoggerMessage(8, LogLevel.Warning, "{Kind} {Name}: files could not be removed from the bucket: {Reason}")]
    public static partial void FilesNotRemoved(this ILogger log, string kind, string name, string reason);

    [LoggerMessage(12, LogLevel.Warning, "{Kind} {Name}: {Reason}")]
    public static partial void Waiting(this ILogger log, string kind, string name, string reason);

    [LoggerMessage(15, LogLevel.Warning, "{Reason}; all work has ended, and the next election is waited for")]
    public static partial void LeadershipLost(this ILogger log, string reason);

    [LoggerMessage(47, LogLevel.Information, "files of directories are served at {Address}, as {Url}")]
    public static partial void DownloadsAt(this ILogger log, Uri address, Uri url);

    [LoggerMessage(14, LogLevel.Warning, "the repository at {Location} has an index segment that cannot be read: {Reason}")]
    public static partial void DamagedSegment(this ILogger log, string location, string reason);

    [LoggerMessage(13, LogLevel.Warning, "location {Name} was not synchronised: {Reason}")]
    public static partial void NotSynchronised(this ILogger log, string name, string reason);

    [LoggerMessage(41, LogLevel.Warning, "backup {Name} in location {Location} is not added to the cluster, which does not take what its velero-backup.json says: {Reason}")]
    public static partial void BackupNotSynchronised(this ILogger log, string name, string location, string reason);

    [LoggerMessage(42, LogLevel.Warning, "backup {Name} was deleted while it was made; snapshots of volumes that had ended stay in the repository of location {Location} (\"nodeagent snapshot forget\" marks them as forgotten): {Reason}")]
    public static partial void SnapshotsNotForgotten(this ILogger log, string name, string location, string reason);

    [LoggerMessage(21, LogLevel.Warning, "VolumeSnapshot {Name} of backup {Backup} could not be removed; delete it by hand: {Reason}")]
    public static partial void VolumeSnapshotLeft(this ILogger log, string name, string backup, string reason);

    [LoggerMessage(20, LogLevel.Error, "snapshot {Id} in {Location} of volume {Volume} was made for backup {Backup}, which failed, and could not be removed; delete it by hand: {Reason}")]
    public static partial void SnapshotLeft(this ILogger log, string id, string location, string volume, string backup, string reason);

    [LoggerMessage(45, LogLevel.Information, "snapshot {Id} in {Location}, which backup {Backup} had begun before it failed, is removed")]
    public static partial void LeftSnapshotRemoved(this ILogger log, string id, string location, string backup);

    [LoggerMessage(46, LogLevel.Warning, "snapshots in {Location} that backup {Backup} may have begun before it failed are not looked for now (tag {Tag}={Uid}), later they are: {Reason}")]
    public static partial void LeftSnapshotsUnknown(this ILogger log, string location, string backup, string tag, string uid, string reason);

    [LoggerMessage(31, LogLevel.Debug, "{Kind} {Name}: an Event about it could not be written: {Reason}")]
    public static partial void EventNotWritten(this ILogger log, string kind, string name, string reason);

    [LoggerMessage(11, LogLevel.Warning, "{Kind} {Name}: files could not be written into the bucket: {Reason}")]
    public static partial void FilesNotWritten(this ILogger log, string kind, string name, string reason);
}
