using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Storage;

/// <summary>Reads the file that makes a folder of a bucket a backup: the Backup object as it was when it ended.</summary>
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
}
