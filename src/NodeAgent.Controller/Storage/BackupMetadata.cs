using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Storage;

/// <summary>The file that makes a folder of a bucket a backup: the Backup object as it was when it ended.</summary>
internal static class BackupMetadata
{
    private const long MaxLength = 16 << 20;

    /// <summary>Null when there is none, or when a foreign or half-copied file stands in its place, which is no backup.</summary>
    public static async Task<JsonObject?> ReadAsync(IBucket bucket, string backup, CancellationToken cancellation)
    {
        try
        {
            await using var file = await bucket.OpenAsync(new BackupFiles(backup).Metadata, MaxLength, cancellation);
            return file is null ? null : await KubernetesJson.ParseAsync(file, cancellation) as JsonObject;
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>Makes the file say that the backup is not whole, so that no cluster takes it for one while parts of it go. One that is not there stays so.</summary>
    public static async Task MarkUnfinishedAsync(IBucket bucket, string backup, CancellationToken cancellation)
    {
        if (await ReadAsync(bucket, backup, cancellation) is not { } stored || stored.Text("status", "phase") == BackupPhase.Finalizing) return;
        stored.Child("status")["phase"] = BackupPhase.Finalizing;
        await bucket.PutAsync(new BackupFiles(backup).Metadata, Encoding.UTF8.GetBytes(stored.ToJsonString()), cancellation);
    }
}
