namespace NodeAgent.Kubernetes.Velero;

/// <summary>A command run in a container around the backup of its pod.</summary>
public sealed record ExecHook
{
    /// <summary>Container to run in; the first of the pod when empty.</summary>
    public string? Container { get; init; }

    /// <summary>Program and arguments.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>What a failing command means: Continue or Fail.</summary>
    public string? OnError { get; init; }

    /// <summary>How long the command may take.</summary>
    public TimeSpan? Timeout { get; init; }
}
