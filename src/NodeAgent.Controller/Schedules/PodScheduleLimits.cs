using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// What an annotation may ask for. It is written by whoever may edit a pod, who has no rights on backups: without limits he could have as many as there are
/// minutes, in any location, before everybody else's.
/// </summary>
internal sealed class PodScheduleLimits(ClusterClient cluster, ControllerOptions options)
{
    /// <summary>Annotation of a BackupStorageLocation that pods may name: "true".</summary>
    public const string LocationAnnotation = "nodeagent.io/pod-schedules";

    /// <summary>Locations that one annotation may name.</summary>
    public const int MostLocations = 10;

    /// <summary>Most backups of one namespace that wait or are made at a time: the others have to come in between.</summary>
    public const int MostUnfinished = 5;

    /// <summary>What a run may come early: it is looked for from time to time, so that the one before may have been late.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMinutes(5);

    private readonly NameGlob[] _namespaces = [.. options.PodScheduleNamespaces.Select(n => new NameGlob(n))];

    public bool AllowNamespace(string ns) => _namespaces.Any(n => n.Matches(ns));

    /// <summary>Why the expression or the locations of a workload are refused, as a part of a sentence; null when they are not.</summary>
    public async Task<string?> RefusalAsync(ScheduledWorkload workload, CronSchedule cron, DateTimeOffset now, CancellationToken cancellation)
    {
        // In the night of a change of the clock two runs are an hour closer than they say.
        var least = options.PodScheduleMinInterval - (options.PodScheduleMinInterval > TimeSpan.FromHours(1) ? TimeSpan.FromHours(1) : TimeSpan.Zero);
        if (cron.ShortestInterval(now) is { } shortest && shortest < least)
        {
            return $"it asks for backups {GoDuration.Format(shortest)} apart, and {GoDuration.Format(options.PodScheduleMinInterval)} is the least that the controller allows (--pod-schedule-min-interval)";
        }

        // Each name is a question to the API server, at each look.
        var names = (workload.Locations ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct().ToList();
        if (names.Count > MostLocations) return $"{BackupLocations.Annotation} names {names.Count} locations; pods may ask for {MostLocations} at most";
        foreach (var name in names)
        {
            var location = ObjectName.IsValid(name) ? await cluster.GetAsync(VeleroResources.BackupStorageLocations, options.Namespace, name, cancellation) : null;
            // The default one it gets unasked. Whether there is another of the name is not said to those who may not use it.
            if (location is not null && (location.Annotation(LocationAnnotation) == "true" || location.IsTrue("spec", "default") || name == options.DefaultBackupStorageLocation)) continue;
            return $"{BackupLocations.Annotation} names \"{name}\", which is no location that pods may ask for: an administrator allows one by its annotation {LocationAnnotation}: \"true\"";
        }

        return null;
    }

    /// <summary>Whether the last run is too near for another, whatever expression stands there by now.</summary>
    public bool IsTooEarly(DateTimeOffset last, DateTimeOffset now)
    {
        var least = options.PodScheduleMinInterval;
        return now - last < least - (Slack < least / 2 ? Slack : least / 2);
    }

    /// <summary>
    /// Those that are more than are kept, the oldest first: ended ones, and never the newest that is whole, since all that came after it may have failed.
    /// </summary>
    public IReadOnlyList<ScheduledBackup> Surplus(IReadOnlyList<ScheduledBackup> backups)
    {
        if (options.PodScheduleKeep == 0) return [];
        var ended = backups.Where(b => !b.IsUnfinished && b.Phase != BackupPhase.Deleting).OrderBy(b => b.Made).ThenBy(b => b.Name, StringComparer.Ordinal).ToList();
        var whole = ended.LastOrDefault(b => b.Phase == BackupPhase.Completed);
        return [.. ended.Take(Math.Max(0, ended.Count - options.PodScheduleKeep)).Where(b => b != whole)];
    }

    /// <summary>Whether deletions do not come after, so that no more may be made: a store that is away or read-only keeps all that it has.</summary>
    public bool IsFull(IReadOnlyList<ScheduledBackup> surplus) => surplus.Count >= Math.Max(1, options.PodScheduleKeep);
}
