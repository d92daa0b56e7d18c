using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>Makes backups when their schedule says so: at most one at a time per schedule, and missed ones are not made up for.</summary>
internal sealed class ScheduleReconciler(ClusterClient cluster, ControllerOptions options, ControllerServices services)
{
    /// <summary>Annotation of a Schedule whose first backup begins as soon as the Schedule is there, and not when its time first comes.</summary>
    public const string RunOnCreation = "nodeagent.io/run-on-creation";

    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    private const string TimeFormat = "yyyyMMddHHmmss";

    // What the server allows for a name, less a dash and the time.
    private const int MaxNameLength = 253 - 1 - 14;

    private static readonly TimeSpan MostLate = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject cached, CancellationToken cancellation)
    {
        // Read anew, so that a schedule that was paused just now, or a backup that was noted just now, counts.
        if (await cluster.GetAsync(VeleroResources.Schedules, options.Namespace, cached.Name(), cancellation) is not { } item) return null;
        if (item.Text("metadata", "deletionTimestamp") is not null) return null;
        Schedule schedule;
        CronSchedule cron;
        try
        {
            if (item.Name().Length > MaxNameLength) throw new FormatException($"the name has {item.Name().Length} characters; at most {MaxNameLength} leave room for the time in the names of its backups: make it anew with a shorter one");
            schedule = item.Deserialize(VeleroJsonContext.Default.Schedule)!;
            cron = CronSchedule.Parse(schedule.Spec.Schedule);
            if (cron.Next(services.Time.GetUtcNow()) is null) throw new FormatException($"\"{schedule.Spec.Schedule}\" never comes: there is no such day in any year; check day of month and month");
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            var reason = e is JsonException json ? $"the object is malformed at {json.Path}: {json.Message}" : item.Name().Length > MaxNameLength ? $"metadata.name: {e.Message}" : $"spec.schedule: {e.Message}";
            await WritePhaseAsync(item, SchedulePhase.FailedValidation, reason, cancellation);
            return null;
        }

        services.Telemetry.ScheduleSeen(item.Name(), cron.IntervalAfter(services.Time.GetUtcNow()));
        if (options.RestoreOnly)
        {
            await WritePhaseAsync(item, SchedulePhase.FailedValidation, Work.StorageLocations.RestoreOnlyReason, cancellation);
            return null;
        }

        await WritePhaseAsync(item, SchedulePhase.Enabled, null, cancellation);
        if (schedule.Spec.Paused == true) return null;
        var now = services.Time.GetUtcNow();
        if (schedule.Spec.SkipImmediately ?? options.ScheduleSkipImmediately)
        {
            await SkipAsync(item, now, cancellation);
            return Longest;
        }

        var backups = await BackupsAsync(item.Name(), cancellation);
        if (backups.Any(IsUnfinished)) return Longest;
        // The newest backup counts as well: a controller that died before it wrote lastBackup made it all the same.
        var last = backups.Select(b => TimeOfRun(b.Name(), item.Name())).Append(schedule.Status?.LastBackup).Max() ?? schedule.Metadata.CreationTimestamp ?? now;
        if (schedule.Status?.LastSkipped is { } skipped && skipped > last) last = skipped;
        if (cron.Next(last) is not { } next) return null;
        if (now <= next && !IsFirstDue(item, schedule, backups)) return next - now < Longest ? next - now + TimeSpan.FromMilliseconds(1) + Lateness(cron, now) : Longest;

        await CreateAsync(item, schedule, now, cancellation);
        await SetStatusAsync(item, new JsonObject { ["lastBackup"] = ApiTimeConverter.Format(now) }, cancellation);
        return Longest;
    }

    private static bool IsUnfinished(JsonObject backup) =>
        backup.Text("status", "phase") is null or "" or BackupPhase.New or BackupPhase.Queued or BackupPhase.ReadyToStart or BackupPhase.InProgress;

    /// <summary>
    /// Whether the backup is due that a Schedule has for being created. It was made when anything was written down about a run, or when there is
    /// one of its own: one that is older is of another Schedule of the name.
    /// </summary>
    private static bool IsFirstDue(JsonObject item, Schedule schedule, List<JsonObject> backups) =>
        item.Annotation(RunOnCreation) == "true" && schedule.Status?.LastBackup is null && schedule.Status?.LastSkipped is null
        && !backups.Any(b => TimeOfRun(b.Name(), item.Name()) is not null && Time(b.Text("metadata", "creationTimestamp")) >= schedule.Metadata.CreationTimestamp);

    private static DateTimeOffset? Time(string? text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var time) ? time : null;

    private static Dictionary<string, string> Without(IReadOnlyDictionary<string, string>? map, params ReadOnlySpan<string> keys)
    {
        var left = (map ?? new Dictionary<string, string>()).ToDictionary(e => e.Key, e => e.Value);
        foreach (var key in keys) left.Remove(key);
        return left;
    }

    /// <summary>
    /// By chance, up to half a minute. Clusters with the same schedule and the same bucket would else make backups of the same name each time, of
    /// which one is refused: names have seconds.
    /// </summary>
    private static TimeSpan Lateness(CronSchedule cron, DateTimeOffset now)
    {
        var most = (cron.IntervalAfter(now) ?? TimeSpan.Zero) / 10;
        return Random.Shared.NextDouble() * (most < MostLate ? most : MostLate);
    }

    /// <summary>When the schedule made the backup of that name; null for one that was made by hand in the schedule's name.</summary>
    private static DateTimeOffset? TimeOfRun(string backup, string schedule) =>
        backup.Length == schedule.Length + 1 + TimeFormat.Length && backup.StartsWith(schedule + "-", StringComparison.Ordinal)
        && DateTimeOffset.TryParseExact(backup[^TimeFormat.Length..], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>The backups of the schedule in this cluster. Those that came from a bucket are of another cluster's schedule of the name.</summary>
    private async Task<List<JsonObject>> BackupsAsync(string schedule, CancellationToken cancellation)
    {
        var found = new List<JsonObject>();
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, $"{VeleroLabels.ScheduleName}={VeleroLabels.ToLabelValue(schedule)}", cancellation))
        {
            if (backup.Annotation(BackupSync.SyncedFrom) is null) found.Add(backup);
        }

        return found;
    }

    private async Task CreateAsync(JsonObject item, Schedule schedule, DateTimeOffset now, CancellationToken cancellation)
    {
        var template = schedule.Spec.Template ?? new BackupSpec();
        var labels = Without(template.Metadata?.Labels ?? schedule.Metadata.Labels);
        labels[VeleroLabels.ScheduleName] = VeleroLabels.ToLabelValue(item.Name());
        var backup = new Backup
        {
            Metadata = new ObjectMeta
            {
                Name = $"{item.Name()}-{now.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}",
                Namespace = options.Namespace,
                Labels = labels,
                Annotations = Without(template.Metadata?.Annotations ?? schedule.Metadata.Annotations, LastApplied, RunOnCreation),
                OwnerReferences = schedule.Spec.UseOwnerReferencesInBackup == true ? [item.OwnerReference()] : null,
            },
            Spec = template with { Metadata = null },
        };
        try
        {
            await cluster.CreateAsync(VeleroResources.Backups, options.Namespace, (JsonObject)JsonSerializer.SerializeToNode(backup, VeleroJsonContext.Default.Backup)!, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Made in this very second, before its time could be written down.
        }
    }

    private async Task SkipAsync(JsonObject item, DateTimeOffset now, CancellationToken cancellation)
    {
        // The time first: were the flag turned off before, a crash in between would lose the skip.
        await SetStatusAsync(item, new JsonObject { ["lastSkipped"] = ApiTimeConverter.Format(now) }, cancellation);
        await cluster.PatchAsync(VeleroResources.Schedules, options.Namespace, item.Name(), new JsonObject { ["spec"] = new JsonObject { ["skipImmediately"] = false } }, null, cancellation);
    }

    private async Task WritePhaseAsync(JsonObject item, string phase, string? error, CancellationToken cancellation)
    {
        var known = item.At("status", "validationErrors") is JsonArray { Count: > 0 } errors ? errors[0]?.ToString() : null;
        if (item.Text("status", "phase") == phase && known == error) return;
        await SetStatusAsync(item, new JsonObject { ["phase"] = phase, ["validationErrors"] = error is null ? null : new JsonArray((JsonNode)error) }, cancellation);
    }

    private async Task SetStatusAsync(JsonObject item, JsonObject status, CancellationToken cancellation) =>
        await cluster.PatchStatusAsync(VeleroResources.Schedules, options.Namespace, item.Name(), status, cancellation);
}
