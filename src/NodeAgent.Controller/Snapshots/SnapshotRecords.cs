using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The snapshots that a backup's volumesnapshots file names, of Velero's backups as well.</summary>
internal static class SnapshotRecords
{
    public const string Completed = "Completed";
    public const string Failed = "Failed";

    /// <summary>Those that were made; a volume whose snapshot failed has none.</summary>
    public static async Task<IReadOnlyList<JsonObject>> ReadAsync(IBucket bucket, string backup, CancellationToken cancellation) =>
        [.. (await GzipJson.ReadAsync(bucket, new BackupFiles(backup).VolumeSnapshots, cancellation)).Objects()
            .Where(r => r.Text("status", "phase") == Completed && !string.IsNullOrEmpty(r.Text("status", "providerSnapshotID")))];
}
