namespace NodeAgent.Kubernetes.Velero;

/// <summary>A file of a backup or restore.</summary>
public sealed record DownloadRequestSpec
{
    /// <summary>What is to be downloaded.</summary>
    public DownloadTarget? Target { get; init; }
}
