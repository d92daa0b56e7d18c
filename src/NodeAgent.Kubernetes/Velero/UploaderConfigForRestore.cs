namespace NodeAgent.Kubernetes.Velero;

/// <summary>How volume data is written.</summary>
public sealed record UploaderConfigForRestore
{
    /// <summary>Whether runs of zeros become holes.</summary>
    public bool? WriteSparseFiles { get; init; }

    /// <summary>Files written at once per volume.</summary>
    public int? ParallelFilesDownload { get; init; }
}
