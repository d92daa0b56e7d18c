namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of the request.</summary>
public sealed record DeleteBackupRequestStatus
{
    /// <summary>State of the request.</summary>
    public string? Phase { get; init; }

    /// <summary>What could not be deleted, and why.</summary>
    public IReadOnlyList<string>? Errors { get; init; }
}
