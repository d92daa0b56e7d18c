namespace NodeAgent.Kubernetes.Velero;

/// <summary>How volume data is read.</summary>
public sealed record UploaderConfigForBackup
{
    /// <summary>Files read at once per volume.</summary>
    public int? ParallelFilesUpload { get; init; }
}
