namespace NodeAgent.Kubernetes.Velero;

/// <summary>A plugin of the server.</summary>
public sealed record PluginInfo
{
    /// <summary>Name of the plugin.</summary>
    public string? Name { get; init; }

    /// <summary>Kind of the plugin.</summary>
    public string? Kind { get; init; }
}
