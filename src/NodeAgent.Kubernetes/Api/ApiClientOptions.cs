namespace NodeAgent.Kubernetes.Api;

/// <summary>How a client behaves towards its server.</summary>
public sealed record ApiClientOptions
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Source of the jitter in waits. Used under a lock, so it need not be safe for concurrent use.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>Limit of one attempt at a request, answer included; watches and logs only wait this long for their start.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a request is sent again after the server was busy or the connection broke.</summary>
    public int MaxRetries { get; init; } = 4;

    /// <summary>First wait; doubled at each further retry.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest wait, whatever the server asks for.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Recorded as the manager of the fields that are written.</summary>
    public string FieldManager { get; init; } = "nodeagent";
}
