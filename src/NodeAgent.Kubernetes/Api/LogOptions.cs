namespace NodeAgent.Kubernetes.Api;

/// <summary>Which part of a container's log is wanted.</summary>
public sealed record LogOptions
{
    public static readonly LogOptions Default = new();

    /// <summary>Null for the pod's only container.</summary>
    public string? Container { get; init; }

    /// <summary>Goes on as long as the container runs.</summary>
    public bool Follow { get; init; }

    /// <summary>The container's run before the present one.</summary>
    public bool Previous { get; init; }

    public bool Timestamps { get; init; }

    public int? TailLines { get; init; }

    public TimeSpan? Since { get; init; }
}
