namespace NodeAgent.Kubernetes.Velero;

/// <summary>Picks one key of a Secret in the same namespace.</summary>
public sealed record SecretKeySelector
{
    /// <summary>Key within the Secret.</summary>
    public string? Key { get; init; }

    /// <summary>Name of the Secret.</summary>
    public string? Name { get; init; }

    /// <summary>Whether a missing Secret or key is tolerated.</summary>
    public bool? Optional { get; init; }
}
