namespace NodeAgent.Kubernetes.Velero;

/// <summary>One condition of a label selector.</summary>
public sealed record LabelSelectorRequirement
{
    /// <summary>Label that the condition looks at.</summary>
    public string? Key { get; init; }

    /// <summary>In, NotIn, Exists or DoesNotExist.</summary>
    public string? Operator { get; init; }

    /// <summary>Values for In and NotIn; empty for the other two.</summary>
    public IReadOnlyList<string>? Values { get; init; }
}
