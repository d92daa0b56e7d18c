using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Requests;

/// <summary>
/// Answers where a file of a backup or restore can be fetched: at a signed URL of an object store, or a file:// URL, of use to
/// whoever has the directory mounted at the same path. That of an encrypted file comes with the key to this one file.
/// </summary>
internal sealed class DownloadRequestReconciler(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(10);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        var phase = item.Text("status", "phase");
        if (phase is DownloadRequestPhase.Processed or DownloadRequestPhase.Failed) return await ExpireAsync(item, cancellation);
        var kind = item.Text("spec", "target", "kind") ?? "";
        var name = item.Text("spec", "target", "name") ?? "";
        var (url, problem) = await ResolveAsync(kind, name, cancellation);
        await cluster.PatchStatusAsync(VeleroResources.DownloadRequests, options.Namespace, item.Name(), new JsonObject
        {
            ["phase"] = url is null ? DownloadRequestPhase.Failed : DownloadRequestPhase.Processed,
            ["downloadURL"] = url,
            ["message"] = problem,
            ["expiration"] = ApiTimeConverter.Format(services.Time.GetUtcNow() + Validity),
        }, cancellation);
        return Validity;
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

    private async Task<(string? Url, string? Problem)> ResolveAsync(string kind, string name, CancellationToken cancellation)
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
        var (opened, problem) = await locations.OpenAsync(location, locationName, forWriting: false, cancellation);
        if (opened is null) return (null, problem);
        await using var bucket = opened;
        try
        {
            return ((await bucket.AddressForDownloadAsync(key, Validity, cancellation)).AbsoluteUri, null);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is InvalidDataException)
        {
            return (null, $"backup storage location \"{location!.Metadata.Name}\": {e.Message}");
        }
    }

    private async Task<TimeSpan?> ExpireAsync(JsonObject item, CancellationToken cancellation)
    {
        if (!DateTimeOffset.TryParse(item.Text("status", "expiration"), System.Globalization.CultureInfo.InvariantCulture, out var expires)) return null;
        var left = expires - services.Time.GetUtcNow();
        if (left > TimeSpan.Zero) return left;
        await cluster.DeleteAsync(VeleroResources.DownloadRequests, options.Namespace, item.Name(), cancellation);
        return null;
    }
}
