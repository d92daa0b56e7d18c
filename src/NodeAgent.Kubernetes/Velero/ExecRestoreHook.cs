namespace NodeAgent.Kubernetes.Velero;

/// <summary>A command run in a container of a restored pod.</summary>
public sealed record ExecRestoreHook
{
    /// <summary>Container to run in; the first of the pod when empty.</summary>
    public string? Container { get; init; }

    /// <summary>Program and arguments.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>What a failing command means: Continue or Fail.</summary>
    public string? OnError { get; init; }

    /// <summary>How long the command may take.</summary>
    public TimeSpan? ExecTimeout { get; init; }

    /// <summary>How long to wait for the container.</summary>
    public TimeSpan? WaitTimeout { get; init; }

    /// <summary>Whether to wait until the container is ready, not only running.</summary>
    public bool? WaitForReady { get; init; }
}
