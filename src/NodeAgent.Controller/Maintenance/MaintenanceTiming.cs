using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Maintenance;

/// <summary>When a repository's maintenance is due, by what stands in its BackupRepository alone.</summary>
internal static class MaintenanceTiming
{
    /// <summary>Annotation: "true" stops maintenance on schedule.</summary>
    public const string Suspended = "nodeagent.io/maintenance-suspended";

    /// <summary>Annotation: maintenance runs as soon as it can, whatever the value; when it begins, the annotation is taken away.</summary>
    public const string Requested = "nodeagent.io/maintenance-requested";

    /// <summary>How long a failed one waits at most before it is tried again.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromHours(1);

    /// <summary>How long to wait; zero or less when it is due, null when it never will be as things stand.</summary>
    /// <param name="repository">The BackupRepository.</param>
    /// <param name="ownFrequency">Of a repository that does not say.</param>
    /// <param name="now">The time.</param>
    public static TimeSpan? UntilDue(JsonObject repository, TimeSpan ownFrequency, DateTimeOffset now)
    {
        var last = repository.Objects("status", "recentMaintenance").LastOrDefault();
        var began = TimeOf(last.Text("startTimestamp")) ?? TimeOf(repository.Text("status", "lastMaintenanceTime"));
        if (repository.Annotation(Requested) is not null) return TimeSpan.Zero;
        if (repository.Annotation(Suspended) == "true") return null;
        // 0 is Velero's "as the server has it".
        var frequency = GoDuration.TryParse(repository.Text("spec", "maintenanceFrequency"), out var given) && given > TimeSpan.Zero ? given : ownFrequency;
        var wait = last.Text("result") == MaintenanceOutcome.Failed && frequency > RetryInterval ? RetryInterval : frequency;
        // One that was never maintained is new, or new to this cluster: nothing is urgent about it.
        var since = began ?? TimeOf(repository.Text("metadata", "creationTimestamp")) ?? now;
        return since + wait - now;
    }

    private static DateTimeOffset? TimeOf(string? text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
