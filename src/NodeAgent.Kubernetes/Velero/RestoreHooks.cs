namespace NodeAgent.Kubernetes.Velero;

/// <summary>Hooks run during a restore.</summary>
public sealed record RestoreHooks
{
    /// <summary>Hooks by the pods they apply to.</summary>
    public IReadOnlyList<RestoreResourceHookSpec>? Resources { get; init; }
}
