using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Deletion;

/// <summary>
/// Marks the volume snapshots of a backup as forgotten in its location's repository, so that maintenance can free their room.
/// Marking one twice does no harm.
/// </summary>
internal sealed class SnapshotForgetting(ClusterClient cluster, StorageLocations locations, ControllerOptions options)
{
    /// <summary>Why the snapshots could not be forgotten, in a sentence; null when none is left.</summary>
    public async Task<string?> ForgetAsync(JsonObject backup, BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        try
        {
            var ids = await SnapshotsOfAsync(backup, bucket, cancellation);
            if (ids.Count == 0) return null;
            using var secret = await ReadSecretAsync(cancellation);
            await using var repository = await OpenAsync(location, secret, cancellation);
            var catalog = new SnapshotCatalog(repository);
            foreach (var id in ids) await catalog.ForgetAsync(id, $"backup {backup.Name()} was deleted", cancellation);
            return null;
        }
        catch (Exception e) when (e is RepositoryException or LocationException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return $"volume snapshots of backup {backup.Name()}: {e.Message}";
        }
    }

    private async Task<ChunkRepository> OpenAsync(BackupStorageLocation location, RepositorySecret secret, CancellationToken cancellation)
    {
        var store = LocationProviders.OpenRepositoryStore(await locations.DescribeAsync(location, cancellation));
        try
        {
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions(), cancellation);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// What the stored file names, and for a backup that failed before it was stored, what the cluster still knows. Data that
    /// Velero's own uploader wrote is in another repository and no concern of this one.
    /// </summary>
    private async Task<HashSet<SnapshotId>> SnapshotsOfAsync(JsonObject backup, IBucket bucket, CancellationToken cancellation)
    {
        var volumes = (await GzipJson.ReadAsync(bucket, new BackupFiles(backup.Name()).PodVolumeBackups, cancellation)).Objects().ToList();
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, $"{VeleroLabels.BackupUid}={backup.Uid()}", cancellation)) volumes.Add(volume);
        var ids = new HashSet<SnapshotId>();
        foreach (var volume in volumes.Where(v => v.Annotation(VeleroLabels.DataFormat) is not null))
        {
            if (SnapshotId.TryParse(volume.Text("status", "snapshotID"), out var id)) ids.Add(id);
        }

        return ids;
    }

    private async Task<RepositorySecret> ReadSecretAsync(CancellationToken cancellation)
    {
        var secret = await cluster.GetAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation)
            ?? throw new LocationException($"Secret {RepositoryCredentials.SecretName} does not exist in namespace {options.Namespace}: copy it from the cluster that made the backup");
        return RepositoryCredentials.Read(name => secret.Text("data", name));
    }
}
