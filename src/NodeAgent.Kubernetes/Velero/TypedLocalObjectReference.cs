namespace NodeAgent.Kubernetes.Velero;

/// <summary>Points at an object of the same namespace by kind and name.</summary>
public sealed record TypedLocalObjectReference
{
    /// <summary>API group; empty for the core group.</summary>
    public string? ApiGroup { get; init; }

    /// <summary>Kind of the object.</summary>
    public string? Kind { get; init; }

    /// <summary>Name of the object.</summary>
    public string? Name { get; init; }
}
