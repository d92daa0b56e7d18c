namespace NodeAgent.Kubernetes.Queues;

/// <summary>How long a queue keeps keys back that failed.</summary>
public sealed record WorkQueueOptions
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>After the first failure of a key; doubled at each further one.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromMinutes(2);
}
