namespace NodeAgent.Kubernetes.Velero;

/// <summary>What is to be downloaded.</summary>
public sealed record DownloadTarget
{
    /// <summary>Kind of file.</summary>
    public string? Kind { get; init; }

    /// <summary>Name of the backup or restore.</summary>
    public string? Name { get; init; }
}
