namespace NodeAgent.Kubernetes.Velero;

/// <summary>How far a transfer has come.</summary>
public sealed record DataMoveProgress
{
    /// <summary>Bytes to handle, as known so far.</summary>
    public long? TotalBytes { get; init; }

    /// <summary>Bytes handled so far.</summary>
    public long? BytesDone { get; init; }
}
