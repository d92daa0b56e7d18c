namespace NodeAgent.Kubernetes.Velero;

/// <summary>The server's answer.</summary>
public sealed record ServerStatusRequestStatus
{
    /// <summary>State of the request.</summary>
    public string? Phase { get; init; }

    /// <summary>When the request was answered.</summary>
    public DateTimeOffset? ProcessedTimestamp { get; init; }

    /// <summary>Version of the server.</summary>
    public string? ServerVersion { get; init; }

    /// <summary>Plugins of the server.</summary>
    public IReadOnlyList<PluginInfo>? Plugins { get; init; }
}
