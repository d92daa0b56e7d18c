namespace NodeAgent.Kubernetes.Api;

/// <summary>Which changes a watch sends, and for how long.</summary>
public sealed record WatchOptions
{
    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>Where to go on; empty starts with all objects there are.</summary>
    public string ResourceVersion { get; init; } = "";

    /// <summary>When the server ends the watch.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);
}
