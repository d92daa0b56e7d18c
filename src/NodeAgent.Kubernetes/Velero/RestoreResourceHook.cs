namespace NodeAgent.Kubernetes.Velero;

/// <summary>One hook of a restore.</summary>
public sealed record RestoreResourceHook
{
    /// <summary>Command to run.</summary>
    public ExecRestoreHook? Exec { get; init; }

    /// <summary>Init containers to add.</summary>
    public InitRestoreHook? Init { get; init; }
}
