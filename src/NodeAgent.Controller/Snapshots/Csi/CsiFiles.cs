using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>The VolumeSnapshots of a backup and their contents, from its files; of Velero's backups as well.</summary>
internal sealed class CsiFiles(IReadOnlyList<JsonObject> snapshots, IReadOnlyList<JsonObject> contents)
{
    public static CsiFiles None { get; } = new([], []);

    public IReadOnlyList<JsonObject> Contents => contents;

    public static async Task<CsiFiles> ReadAsync(IBucket bucket, string backup, CancellationToken cancellation)
    {
        var files = new BackupFiles(backup);
        return new CsiFiles(
            [.. (await GzipJson.ReadAsync(bucket, files.CsiVolumeSnapshots, cancellation)).Objects()],
            [.. (await GzipJson.ReadAsync(bucket, files.CsiVolumeSnapshotContents, cancellation)).Objects()]);
    }

    /// <summary>With what the archive alone has, as in backups of today's Velero, which writes no such files.</summary>
    public async Task<CsiFiles> WithAsync(BackupArchive archive, CancellationToken cancellation) => new(
        await CompleteAsync(snapshots, archive, KubernetesResources.VolumeSnapshots.GroupResource, cancellation),
        await CompleteAsync(contents, archive, KubernetesResources.VolumeSnapshotContents.GroupResource, cancellation));

    /// <summary>The snapshot that was made of a claim, and its content; null when there is none.</summary>
    public (JsonObject Snapshot, JsonObject? Content)? Find(string ns, string claim)
    {
        var snapshot = snapshots.FirstOrDefault(s => s.Namespace() == ns && s.Text("spec", "source", "persistentVolumeClaimName") == claim);
        return snapshot is null ? null : (snapshot, contents.FirstOrDefault(c => c.Name() == snapshot.Text("status", "boundVolumeSnapshotContentName")));
    }

    private static async Task<IReadOnlyList<JsonObject>> CompleteAsync(IReadOnlyList<JsonObject> known, BackupArchive archive, string groupResource, CancellationToken cancellation)
    {
        var all = known.ToList();
        foreach (var archived in archive.Items(groupResource).Where(a => known.All(k => k.Name() != a.Name || k.Namespace() != a.Namespace)))
        {
            // Those of users are in the archives of older versions, and not the backup's own.
            if (await BackupArchive.ReadAsync(archived, cancellation) is var item && item.Label(VeleroLabels.BackupName) is not null) all.Add(item);
        }

        return all;
    }
}
