using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Storage;

/// <summary>What a backup that is being made leaves in its folder, so that no other of the same name is made there, whichever cluster it is of.</summary>
/// <param name="Uid">The Backup object's.</param>
/// <param name="Installation">Tells the claims of this installation from those of others: the UID of its namespace.</param>
/// <param name="Since">When it was claimed, for people.</param>
internal sealed record FolderClaim(string Uid, string Installation, string Since)
{
    private const long MaxLength = 64 << 10;

    public static FolderClaim Of(JsonObject backup, string installation, DateTimeOffset now) => new(backup.Uid(), installation, ApiTimeConverter.Format(now));

    /// <summary>The claim that stands in a folder; null when there is none. One that cannot be read is somebody's all the same.</summary>
    public static async Task<FolderClaim?> ReadAsync(IBucket bucket, string backup, CancellationToken cancellation)
    {
        try
        {
            await using var file = await bucket.OpenAsync(new BackupFiles(backup).Claim, MaxLength, cancellation);
            if (file is null) return null;
            var content = await JsonNode.ParseAsync(file, cancellationToken: cancellation);
            return new FolderClaim(content.Text("uid") ?? "", content.Text("installation") ?? "", content.Text("since") ?? "");
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            return new FolderClaim("", "", "");
        }
    }

    public byte[] Encode() => Encoding.UTF8.GetBytes(new JsonObject { ["uid"] = Uid, ["installation"] = Installation, ["since"] = Since }.ToJsonString());
}
