namespace NodeAgent.Kubernetes.Velero;

/// <summary>When backups are made, and which.</summary>
public sealed record ScheduleSpec
{
    /// <summary>Spec of the backups.</summary>
    public BackupSpec? Template { get; init; }

    /// <summary>Cron expression: five fields, or a descriptor such as @every 6h.</summary>
    public string? Schedule { get; init; }

    /// <summary>Whether backups are owned by the schedule, so that deleting it deletes them.</summary>
    public bool? UseOwnerReferencesInBackup { get; init; }

    /// <summary>Whether no backups are made.</summary>
    public bool? Paused { get; init; }

    /// <summary>Whether a due backup is skipped once; unset takes the server's setting.</summary>
    public bool? SkipImmediately { get; init; }
}
