using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>One backup by a workload's annotation.</summary>
/// <param name="Name">The Backup.</param>
/// <param name="Phase">Its phase; empty for none.</param>
/// <param name="Made">When it was made.</param>
internal sealed record ScheduledBackup(string Name, string Phase, DateTimeOffset? Made)
{
    public bool IsUnfinished => Phase is "" or BackupPhase.New or BackupPhase.Queued or BackupPhase.ReadyToStart
        or BackupPhase.InProgress or BackupPhase.Finalizing or BackupPhase.FinalizingPartiallyFailed;
}
