using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>The backups that there are by annotations of workloads, as far as what is asked of them goes: there may be very many.</summary>
internal sealed class ScheduledBackups
{
    private readonly Dictionary<string, List<ScheduledBackup>> _byWorkload = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _unfinished = new(StringComparer.Ordinal);

    public static async Task<ScheduledBackups> ReadAsync(ClusterClient cluster, string ns, CancellationToken cancellation)
    {
        var read = new ScheduledBackups();
        await foreach (var item in cluster.ListAsync(VeleroResources.Backups, ns, PodSchedules.Label, cancellation))
        {
            // One that came from a bucket is of another cluster's workload of the name.
            if (item.Annotation(BackupSync.SyncedFrom) is not null || item.Label(PodSchedules.Label) is not { } workload) continue;
            var backup = new ScheduledBackup(
                item.Name(), item.Text("status", "phase") ?? "",
                DateTimeOffset.TryParse(item.Text("metadata", "creationTimestamp"), CultureInfo.InvariantCulture, out var made) ? made : null);
            if (!read._byWorkload.TryGetValue(workload, out var backups)) read._byWorkload[workload] = backups = [];
            backups.Add(backup);
            if (backup.IsUnfinished && item.At("spec", "includedNamespaces") is JsonArray { Count: > 0 } namespaces) read.Count(namespaces[0]!.ToString());
        }

        return read;
    }

    /// <summary>Those of one workload, by its label, in no order.</summary>
    public IReadOnlyList<ScheduledBackup> Of(string workload) => _byWorkload.TryGetValue(workload, out var backups) ? backups : [];

    /// <summary>How many wait or are made of pods of a namespace.</summary>
    public int UnfinishedIn(string ns) => _unfinished.GetValueOrDefault(ns);

    /// <summary>Notes that one more was made.</summary>
    public void Count(string ns) => _unfinished[ns] = UnfinishedIn(ns) + 1;
}
