namespace NodeAgent.Kubernetes.Velero;

/// <summary>Labels and annotations for the Backup objects that a schedule makes.</summary>
public sealed record TemplateMetadata
{
    /// <summary>Labels put on each Backup.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Annotations put on each Backup.</summary>
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
}
