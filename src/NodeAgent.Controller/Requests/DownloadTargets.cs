using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Requests;

/// <summary>Finds the files that DownloadRequests name.</summary>
internal sealed class DownloadTargets(ClusterClient cluster, StorageLocations locations, ControllerOptions options)
{
    /// <summary>The file and the location that it is in, or why there is none. The caller disposes the bucket.</summary>
    /// <param name="kind">What is wanted: one of <see cref="DownloadTargetKind"/>.</param>
    /// <param name="name">Of the backup or restore.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task<(DownloadTarget? Target, string? Problem)> FindAsync(string kind, string name, CancellationToken cancellation)
    {
        // The name becomes part of a path, so it is checked before anything else is done with it.
        if (!ObjectName.IsValid(name)) return (null, $"spec.target.name \"{name}\" is no name of a backup or restore");
        if (KeyOf(kind, name) is not { } key) return (null, $"spec.target.kind \"{kind}\" is not known");
        var backupName = name;
        if (kind.StartsWith("Restore", StringComparison.Ordinal))
        {
            var restore = await cluster.GetAsync(VeleroResources.Restores, options.Namespace, name, cancellation);
            if (restore is null) return (null, $"restore \"{name}\" does not exist");
            backupName = restore.Text("spec", "backupName") ?? "";
        }

        var backup = ObjectName.IsValid(backupName) ? await cluster.GetAsync(VeleroResources.Backups, options.Namespace, backupName, cancellation) : null;
        if (backup is null) return (null, $"backup \"{backupName}\" does not exist");
        var locationName = backup.Text("spec", "storageLocation");
        var location = await locations.FindAsync(locationName, cancellation);
        var (bucket, problem) = await locations.OpenAsync(location, locationName, forWriting: false, cancellation);
        return bucket is null ? (null, problem) : (new DownloadTarget(bucket, key, location!.Metadata.Name ?? ""), null);
    }

    private static string? KeyOf(string kind, string name) => kind switch
    {
        DownloadTargetKind.BackupLog => new BackupFiles(name).Log,
        DownloadTargetKind.BackupContents => new BackupFiles(name).Contents,
        DownloadTargetKind.BackupVolumeSnapshots => new BackupFiles(name).VolumeSnapshots,
        DownloadTargetKind.BackupItemOperations => new BackupFiles(name).ItemOperations,
        DownloadTargetKind.BackupResourceList => new BackupFiles(name).ResourceList,
        DownloadTargetKind.BackupResults => new BackupFiles(name).Results,
        DownloadTargetKind.BackupVolumeInfos => new BackupFiles(name).VolumeInfo,
        DownloadTargetKind.CSIBackupVolumeSnapshots => new BackupFiles(name).CsiVolumeSnapshots,
        DownloadTargetKind.CSIBackupVolumeSnapshotContents => new BackupFiles(name).CsiVolumeSnapshotContents,
        DownloadTargetKind.RestoreLog => new RestoreFiles(name).Log,
        DownloadTargetKind.RestoreResults => new RestoreFiles(name).Results,
        DownloadTargetKind.RestoreResourceList => new RestoreFiles(name).ResourceList,
        DownloadTargetKind.RestoreItemOperations => new RestoreFiles(name).ItemOperations,
        DownloadTargetKind.RestoreVolumeInfo => new RestoreFiles(name).VolumeInfo,
        _ => null,
    };
}
