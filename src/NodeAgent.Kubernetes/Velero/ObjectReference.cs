namespace NodeAgent.Kubernetes.Velero;

/// <summary>Points at one object of the cluster.</summary>
public sealed record ObjectReference
{
    /// <summary>API version of the object.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>Part of the object that is meant.</summary>
    public string? FieldPath { get; init; }

    /// <summary>Kind of the object.</summary>
    public string? Kind { get; init; }

    /// <summary>Name of the object.</summary>
    public string? Name { get; init; }

    /// <summary>Namespace of the object.</summary>
    public string? Namespace { get; init; }

    /// <summary>Version of the object when it was referenced.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>UID of the object.</summary>
    public string? Uid { get; init; }
}
