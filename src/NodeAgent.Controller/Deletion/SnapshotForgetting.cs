using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Deletion;

/// <summary>
/// Marks the volume snapshots of a backup as forgotten in its location's repository, so that maintenance can free their room.
/// Marking one twice does no harm.
/// </summary>
internal sealed class SnapshotForgetting(ClusterClient cluster, LocationRepositories repositories, ControllerOptions options)
{
    /// <summary>Why the snapshots could not be forgotten, in a sentence, null when none is left; and whether some were.</summary>
    public async Task<(string? Problem, bool Begun)> ForgetAsync(JsonObject backup, BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        var begun = false;
        try
        {
            var ids = await SnapshotsOfAsync(backup, location.Metadata.Name, bucket, cancellation);
            if (ids.Count == 0) return (null, false);
            await using var repository = await repositories.OpenAsync(location, cancellation);
            var catalog = new SnapshotCatalog(repository);
            foreach (var id in ids)
            {
                begun = true;
                await catalog.ForgetAsync(id, $"backup {backup.Name()} was deleted", cancellation);
            }

            return (null, begun);
        }
        catch (Exception e) when (e is RepositoryException or LocationException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return ($"volume snapshots of backup {backup.Name()}: {e.Message}", begun);
        }
    }

    /// <summary>
    /// What the stored file names, and for a backup that failed before it was stored, what the cluster still knows. Data that
    /// Velero's own uploader wrote is in another repository and no concern of this one.
    /// </summary>
    private async Task<HashSet<SnapshotId>> SnapshotsOfAsync(JsonObject backup, string? location, IBucket bucket, CancellationToken cancellation)
    {
        var volumes = (await GzipJson.ReadAsync(bucket, new BackupFiles(backup.Name()).PodVolumeBackups, cancellation)).Objects().ToList();
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, $"{VeleroLabels.BackupUid}={backup.Uid()}", cancellation))
        {
            // Of a backup in several locations each has snapshots of its own.
            if (volume.Text("spec", "backupStorageLocation") is not { } own || own == location) volumes.Add(volume);
        }


        var ids = new HashSet<SnapshotId>();
        foreach (var volume in volumes.Where(v => v.Annotation(VeleroLabels.DataFormat) is not null))
        {
            if (SnapshotId.TryParse(volume.Text("status", "snapshotID"), out var id)) ids.Add(id);
        }

        return ids;
    }
}
