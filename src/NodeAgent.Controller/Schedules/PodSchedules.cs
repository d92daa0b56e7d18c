using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Sync;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// Backs up the volumes of pods that carry a cron expression, or whose owner does, without a Schedule: the backups are found again by
/// a label, and the time of the last one is kept for when it has expired. One at a time for each owner, and missed ones are not made up for.
/// </summary>
internal sealed class PodSchedules(ClusterClient cluster, EventWriter events, ControllerOptions options, ControllerServices services)
{
    /// <summary>Label of a backup with the workload that it is of.</summary>
    public const string Label = "nodeagent.io/scheduled-by";

    private const int MaxNameLength = 200;

    private readonly PodScheduleMemory _memory = new(cluster, options);

    // Expressions that were complained of, so that each is once. Touched by the loop alone.
    private readonly HashSet<string> _complaints = new(StringComparer.Ordinal);

    /// <summary>Looks through the cluster's pods from time to time, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var workloads = await ScheduledWorkloads.FindAsync(cluster, cancellation);
                if (workloads.Count > 0) await _memory.LoadAsync(cancellation);
                foreach (var workload in workloads) await ReconcileAsync(workload, cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or JsonException)
            {
                services.Log.RunFailed("search for annotation", ScheduledWorkloads.Annotation, e);
            }

            await Task.Delay(options.PodScheduleInterval, services.Time, cancellation);
        }
    }

    private static DateTimeOffset? Time(JsonObject item) =>
        DateTimeOffset.TryParse(item.Text("metadata", "creationTimestamp"), CultureInfo.InvariantCulture, out var time) ? time : null;

    private static bool IsUnfinished(JsonObject backup) => backup.Text("status", "phase") is null or "" or BackupPhase.New or BackupPhase.Queued or BackupPhase.ReadyToStart
        or BackupPhase.InProgress or BackupPhase.Finalizing or BackupPhase.FinalizingPartiallyFailed;

    private static string NameOf(ScheduledWorkload workload)
    {
        var name = $"{workload.Root.Namespace()}-{workload.Root.Text("kind")!.ToLowerInvariant()}-{workload.Root.Name()}";
        return name.Length <= MaxNameLength ? name : name[..MaxNameLength].TrimEnd('-', '.');
    }

    private async Task ReconcileAsync(ScheduledWorkload workload, CancellationToken cancellation)
    {
        CronSchedule cron;
        try
        {
            cron = CronSchedule.Parse(workload.Expression);
        }
        catch (FormatException e)
        {
            await ComplainAsync(workload, e.Message, cancellation);
            return;
        }

        var label = VeleroLabels.ToLabelValue($"{workload.Root.Namespace()}.{workload.Root.Text("kind")!.ToLowerInvariant()}.{workload.Root.Name()}");
        var now = services.Time.GetUtcNow();
        DateTimeOffset? newest = null;
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, $"{Label}={label}", cancellation))
        {
            // One that came from a bucket is of another cluster's workload of the name.
            if (backup.Annotation(BackupSync.SyncedFrom) is not null) continue;
            if (IsUnfinished(backup)) return;
            if (Time(backup) is { } made && (newest is null || made > newest)) newest = made;
        }

        if (newest is { } run) await _memory.NoteAsync(label, run, cancellation);
        var last = Time(workload.Root) ?? now;
        if (_memory.LastOf(label) is { } known && known > last) last = known;
        if (cron.Next(last) is not { } next)
        {
            await ComplainAsync(workload, "it never comes", cancellation);
            return;
        }

        if (now > next) await CreateAsync(workload, label, now, cancellation);
    }

    private async Task CreateAsync(ScheduledWorkload workload, string label, DateTimeOffset now, CancellationToken cancellation)
    {
        var annotations = new Dictionary<string, string> { [BackupFilter.PodsAnnotation] = string.Join(',', workload.Pods.Select(p => p.Name())) };
        if (workload.Locations is { } locations) annotations[BackupLocations.Annotation] = locations;
        var backup = new Backup
        {
            Metadata = new ObjectMeta
            {
                Name = $"{NameOf(workload)}-{now.UtcDateTime.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}",
                Namespace = options.Namespace,
                Labels = new Dictionary<string, string> { [Label] = label },
                Annotations = annotations,
            },
            Spec = new BackupSpec
            {
                IncludedNamespaces = [workload.Root.Namespace()],
                SnapshotVolumes = false,
                // Pods that name volumes get those; where none does, all are meant.
                DefaultVolumesToFsBackup = workload.Pods.All(p => p.Annotation(VeleroLabels.BackupVolumes) is null),
            },
        };
        try
        {
            await cluster.CreateAsync(VeleroResources.Backups, options.Namespace, (JsonObject)JsonSerializer.SerializeToNode(backup, VeleroJsonContext.Default.Backup)!, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Made in this very second.
        }
    }

    /// <summary>Says on the object and in the log what is wrong with its expression.</summary>
    private async Task ComplainAsync(ScheduledWorkload workload, string problem, CancellationToken cancellation)
    {
        if (!_complaints.Add($"{workload.Root.Uid()} {workload.Expression}")) return;
        var root = workload.Root;
        var message = $"annotation {ScheduledWorkloads.Annotation} \"{workload.Expression}\": {problem}; no volume is backed up by it";
        services.Log.Waiting(root.Text("kind")!, root.QualifiedName(), message);
        await events.WriteAsync(root, root.Text("apiVersion")!, root.Text("kind")!, isWarning: true, "BadSchedule", message, again: false, cancellation);
    }
}
