using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Expiry;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// Backs up the volumes of pods that carry a cron expression, or whose owner does, without a Schedule: the backups are found again by
/// a label, and the time of the last one is kept for when it has expired. One at a time for each owner, and missed ones are not made up for.
/// What an annotation may ask for <see cref="PodScheduleLimits"/> says; what is refused is told of by an Event.
/// </summary>
internal sealed class PodSchedules(ClusterClient cluster, EventWriter events, BackupExpiry expiry, ControllerOptions options, ControllerServices services)
{
    /// <summary>Label of a backup with the workload that it is of.</summary>
    public const string Label = "nodeagent.io/scheduled-by";

    private const int MaxNameLength = 200;

    private const int MaxComplaints = 10_000;
    private const int MaxShown = 100;

    /// <summary>Backups of one workload that one look asks to be deleted.</summary>
    private const int DeletionsOfALook = 10;

    private readonly PodScheduleMemory _memory = new(cluster, options);
    private readonly PodScheduleLimits _limits = new(cluster, options);

    // Expressions that were complained of, so that each is once. Touched by the loop alone.
    private readonly HashSet<(string, int)> _complaints = [];

    /// <summary>Looks through the cluster's pods from time to time, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var workloads = await ScheduledWorkloads.FindAsync(cluster, cancellation);
                if (workloads.Count > 0)
                {
                    await _memory.LoadAsync(cancellation);
                    var backups = await ScheduledBackups.ReadAsync(cluster, options.Namespace, cancellation);
                    foreach (var workload in workloads) await TryReconcileAsync(workload, backups, cancellation);
                }
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

    private static string NameOf(ScheduledWorkload workload)
    {
        var name = $"{workload.Root.Namespace()}-{workload.Root.Text("kind")!.ToLowerInvariant()}-{workload.Root.Name()}";
        return name.Length <= MaxNameLength ? name : name[..MaxNameLength].TrimEnd('-', '.');
    }

    /// <summary>What one workload's annotations bring about is no other's concern.</summary>
    private async Task TryReconcileAsync(ScheduledWorkload workload, ScheduledBackups backups, CancellationToken cancellation)
    {
        try
        {
            await ReconcileAsync(workload, backups, cancellation);
        }
        catch (ApiException e) when (!e.IsTransient)
        {
            services.Log.RunFailed("backup by annotation of", $"{workload.Root.Text("kind")} {workload.Root.Namespace()}/{workload.Root.Name()}", e);
        }
    }

    private async Task ReconcileAsync(ScheduledWorkload workload, ScheduledBackups backups, CancellationToken cancellation)
    {
        var ns = workload.Root.Namespace();
        var label = VeleroLabels.ToLabelValue($"{ns}.{workload.Root.Text("kind")!.ToLowerInvariant()}.{workload.Root.Name()}");
        var own = backups.Of(label);
        if (!_limits.AllowNamespace(ns))
        {
            await ComplainAsync(workload, $"the pods of namespace {ns} may not ask for backups: an administrator allows it by --pod-schedule-namespaces of the controller", cancellation);
            return;
        }

        // Where no new ones are made, the old ones stay until their time is over.
        var surplus = _limits.Surplus(own);
        await TrimAsync(surplus, cancellation);

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

        var now = services.Time.GetUtcNow();
        if (await _limits.RefusalAsync(workload, cron, now, cancellation) is { } refusal)
        {
            await ComplainAsync(workload, refusal, cancellation);
            return;
        }

        if (own.Any(b => b.IsUnfinished)) return;
        if (own.Max(b => b.Made) is { } run) await _memory.NoteAsync(label, run, cancellation);
        var last = Time(workload.Root) ?? now;
        if (_memory.LastOf(label) is { } known)
        {
            if (_limits.IsTooEarly(known, now)) return;
            if (known > last) last = known;
        }

        if (cron.Next(last) is not { } next)
        {
            await ComplainAsync(workload, "it never comes", cancellation);
            return;
        }

        if (now <= next) return;
        if (_limits.IsFull(surplus))
        {
            await ComplainAsync(workload, $"twice as many backups of it are there as are kept: those that are more than {options.PodScheduleKeep} (--pod-schedule-keep) could not be deleted; see their label {VeleroLabels.GcFailure}", cancellation);
            return;
        }

        // Its turn comes at one of the next looks.
        if (backups.UnfinishedIn(ns) >= PodScheduleLimits.MostUnfinished) return;
        await CreateAsync(workload, label, now, cancellation);
        backups.Count(ns);
    }

    /// <summary>Has the backups that are too many deleted, as if their time were over.</summary>
    private async Task TrimAsync(IReadOnlyList<ScheduledBackup> surplus, CancellationToken cancellation)
    {
        if (options.Disables(ControllerNames.Expiry)) return;
        foreach (var backup in surplus.Take(DeletionsOfALook))
        {
            if (await cluster.GetAsync(VeleroResources.Backups, options.Namespace, backup.Name, cancellation) is { } item) await expiry.ExpireAsync(item, cancellation);
        }
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
        // Who annotates decides how many there are and how long.
        if (_complaints.Count >= MaxComplaints) _complaints.Clear();
        if (!_complaints.Add((workload.Root.Uid(), HashCode.Combine(workload.Expression, problem)))) return;
        var root = workload.Root;
        var shown = workload.Expression.Length <= MaxShown ? workload.Expression : workload.Expression[..MaxShown] + "...";
        var message = $"annotation {ScheduledWorkloads.Annotation} \"{shown}\": {problem}; no volume is backed up by it";
        services.Log.Waiting(root.Text("kind")!, root.QualifiedName(), message);
        await events.WriteAsync(root, root.Text("apiVersion")!, root.Text("kind")!, isWarning: true, "BadSchedule", message, again: false, cancellation);
    }
}
