namespace NodeAgent.Kubernetes.Velero;

/// <summary>Hooks for the pods that match.</summary>
public sealed record RestoreResourceHookSpec
{
    /// <summary>Name of the hook, shown in logs.</summary>
    public string? Name { get; init; }

    /// <summary>Namespaces to take part; wildcards allowed; empty means all.</summary>
    public IReadOnlyList<string>? IncludedNamespaces { get; init; }

    /// <summary>Namespaces left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedNamespaces { get; init; }

    /// <summary>Resource types to take part (plural, optionally with group); empty means all.</summary>
    public IReadOnlyList<string>? IncludedResources { get; init; }

    /// <summary>Resource types left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedResources { get; init; }

    /// <summary>Pods that the hooks apply to.</summary>
    public LabelSelector? LabelSelector { get; init; }

    /// <summary>Run after the pod was restored.</summary>
    public IReadOnlyList<RestoreResourceHook>? PostHooks { get; init; }
}
