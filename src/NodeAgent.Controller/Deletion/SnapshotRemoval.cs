using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Csi;
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
            csi = await CsiFiles.ReadAsync(bucket, backup.Name(), cancellation);
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
}
