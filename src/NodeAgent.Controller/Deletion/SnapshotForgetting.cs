using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Objects;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Deletion;

/// <summary>Finds the volume snapshots of a backup in its location's repository, to be marked as forgotten so that maintenance can free their room.</summary>
internal sealed class SnapshotForgetting(ClusterClient cluster, LocationRepositories repositories, ControllerOptions options)
{
    /// <summary>Whether a failure is one of the place or the repository, and not of the program.</summary>
    public static bool IsFailure(Exception e) => e is RepositoryException or LocationException or InvalidDataException or IOException or UnauthorizedAccessException;

    /// <summary>Finds them and opens the repository, so that what could keep them from being forgotten is known before anything is gone.</summary>
    /// <param name="backup">The backup.</param>
    /// <param name="location">One of its locations.</param>
    /// <param name="files">The location's files; null when those of the backup's name are another's.</param>
    /// <param name="known">PodVolumeBackups of the backup that the cluster may have lost.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="Exception">One that <see cref="IsFailure"/>.</exception>
    public async Task<ForgettableSnapshots> OpenAsync(JsonObject backup, BackupStorageLocation location, IBucket? files, IReadOnlyCollection<JsonObject> known, CancellationToken cancellation)
    {
        var ids = await SnapshotsOfAsync(backup, location.Metadata.Name, files, known, cancellation);
        return new ForgettableSnapshots(ids.Count == 0 ? null : await repositories.OpenAsync(location, cancellation), ids);
    }

    /// <summary>
    /// What the stored file names, and for a backup that failed before it was stored, what the cluster still knows. Data that
    /// Velero's own uploader wrote is in another repository and no concern of this one.
    /// </summary>
    private async Task<HashSet<SnapshotId>> SnapshotsOfAsync(JsonObject backup, string? location, IBucket? files, IReadOnlyCollection<JsonObject> known, CancellationToken cancellation)
    {
        var volumes = files is null ? [] : (await GzipJson.ReadAsync(files, new BackupFiles(backup.Name()).PodVolumeBackups, cancellation)).Objects().ToList();
        volumes.AddRange(known.Where(IsThere));
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, $"{VeleroLabels.BackupUid}={backup.Uid()}", cancellation))
        {
            if (IsThere(volume)) volumes.Add(volume);
        }

        // Of a backup in several locations each has snapshots of its own.
        bool IsThere(JsonObject volume) => volume.Text("spec", "backupStorageLocation") is not { } own || own == location;

        var ids = new HashSet<SnapshotId>();
        foreach (var volume in volumes.Where(v => v.Annotation(VeleroLabels.DataFormat) is not null))
        {
            if (SnapshotId.TryParse(volume.Text("status", "snapshotID"), out var id)) ids.Add(id);
        }

        return ids;
    }
}
