namespace NodeAgent.Kubernetes.Velero;

/// <summary>One hook of a backup.</summary>
public sealed record BackupResourceHook
{
    /// <summary>Command to run.</summary>
    public ExecHook? Exec { get; init; }
}
