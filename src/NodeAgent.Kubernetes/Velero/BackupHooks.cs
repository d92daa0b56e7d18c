namespace NodeAgent.Kubernetes.Velero;

/// <summary>Hooks run during a backup.</summary>
public sealed record BackupHooks
{
    /// <summary>Hooks by the pods they apply to.</summary>
    public IReadOnlyList<BackupResourceHookSpec>? Resources { get; init; }
}
