using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Snapshots;

/// <summary>
/// Removes the snapshots that storage systems made for a backup which failed while its controller could not remove them: they are known by
/// their tags alone, since a snapshot is begun before anything is written down about it.
/// </summary>
internal sealed class NativeLeftovers(ControllerServices services)
{
    /// <summary>Done twice, it does no harm. False when some may be left, because a location cannot be used now.</summary>
    public async Task<bool> TryRemoveAsync(JsonObject backup, CancellationToken cancellation)
    {
        var isDone = true;
        using var opened = new OpenSnapshotters(services.Snapshots);
        foreach (var name in (backup.At("spec", "volumeSnapshotLocations") as JsonArray ?? []).Select(n => n?.ToString() ?? ""))
        {
            try
            {
                // A location that is gone is no longer anybody's business here.
                if (await services.Snapshots.FindAsync(name, cancellation) is not { } location || SnapshotProviders.NameOf(location.Spec.Provider) == SnapshotProviders.Csi) continue;
                var (snapshotter, _) = await opened.OpenAsync(location, cancellation);
                foreach (var id in await snapshotter.FindSnapshotsAsync(NativeSnapshots.UidTag, backup.Uid(), cancellation))
                {
                    await snapshotter.DeleteSnapshotAsync(id, cancellation);
                    services.Log.LeftSnapshotRemoved(id, name, backup.Name());
                }
            }
            catch (SnapshotException e)
            {
                isDone = false;
                services.Log.LeftSnapshotsUnknown(name, backup.Name(), NativeSnapshots.UidTag, backup.Uid(), e.Message);
            }
        }

        return isDone;
    }
}
