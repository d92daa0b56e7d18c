namespace NodeAgent.Kubernetes.Velero;

/// <summary>State of a schedule.</summary>
public sealed record ScheduleStatus
{
    /// <summary>State of the schedule.</summary>
    public string? Phase { get; init; }

    /// <summary>When a backup was last made.</summary>
    public DateTimeOffset? LastBackup { get; init; }

    /// <summary>When a backup was last skipped.</summary>
    public DateTimeOffset? LastSkipped { get; init; }

    /// <summary>Why the schedule was refused.</summary>
    public IReadOnlyList<string>? ValidationErrors { get; init; }
}
