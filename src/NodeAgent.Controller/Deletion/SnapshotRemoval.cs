using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Deletion;

/// <summary>Removes the snapshots of a backup that storage systems keep. Done twice, it does no harm: those that are gone are none.</summary>
internal sealed class SnapshotRemoval(ClusterClient cluster, ControllerOptions options, ControllerServices services)
{
    /// <summary>Tries them all and says, a line each, which are still there and why.</summary>
    public async Task<IReadOnlyList<string>> RemoveAsync(JsonObject backup, IBucket bucket, CancellationToken cancellation)
    {
        var errors = new List<string>();
        using var opened = new OpenSnapshotters(services.Snapshots);
        IReadOnlyList<JsonObject> records;
        CsiFiles csi;
        try
        {
            records = await SnapshotRecords.ReadAsync(bucket, backup.Name(), cancellation);
            csi = await ReadCsiAsync(bucket, backup.Name(), cancellation);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is InvalidDataException)
        {
            return [$"list of volume snapshots of backup {backup.Name()}: {e.Message}"];
        }

        foreach (var record in records)
        {
            var id = record.Text("status", "providerSnapshotID")!;
            try
            {
                var (snapshotter, _) = await opened.OpenAsync(record.Text("spec", "location") ?? "", cancellation);
                await snapshotter.DeleteSnapshotAsync(id, cancellation);
            }
            catch (SnapshotException e)
            {
                errors.Add($"snapshot {id} of volume {record.Text("spec", "persistentVolumeName")} in {record.Text("spec", "location")}: {e.Message}");
            }
        }

        errors.AddRange(await new CsiRemoval(cluster, options, services.Time).RemoveAsync(backup, csi, cancellation));
        return errors;
    }

    /// <summary>Today's Velero keeps the list of them in the archive alone, which is fetched only where the list of resources says that it has some.</summary>
    private async Task<CsiFiles> ReadCsiAsync(IBucket bucket, string backup, CancellationToken cancellation)
    {
        var (csi, files) = (await CsiFiles.ReadAsync(bucket, backup, cancellation), new BackupFiles(backup));
        var kind = KubernetesResources.VolumeSnapshotContents;
        if (csi.Contents.Count > 0 || (await GzipJson.ReadAsync(bucket, files.ResourceList, cancellation)).At($"{kind.ApiVersion}/{kind.Kind}") is null) return csi;
        await using var content = await bucket.OpenAsync(files.Contents, options.MaxBackupExtractionSize, cancellation);
        if (content is null) return csi;
        using var archive = await BackupArchive.OpenAsync(content, options.WorkDirectory ?? Path.GetTempPath(), options.MaxBackupExtractionSize, cancellation);
        return await csi.WithAsync(archive, cancellation);
    }
}
