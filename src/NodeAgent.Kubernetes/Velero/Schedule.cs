namespace NodeAgent.Kubernetes.Velero;

/// <summary>Backups made by a cron expression.</summary>
public sealed record Schedule
{
    public const string KindName = "Schedule";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public ScheduleSpec Spec { get; init; } = new();

    public ScheduleStatus? Status { get; init; }
}
