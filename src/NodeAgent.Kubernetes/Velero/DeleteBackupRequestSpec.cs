namespace NodeAgent.Kubernetes.Velero;

/// <summary>Which backup is to be deleted.</summary>
public sealed record DeleteBackupRequestSpec
{
    /// <summary>Backup to delete.</summary>
    public string? BackupName { get; init; }
}
