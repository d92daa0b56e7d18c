using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>What a restore brings back and how.</summary>
public sealed record RestoreSpec
{
    /// <summary>Backup to restore from; this or scheduleName is needed.</summary>
    public string? BackupName { get; init; }

    /// <summary>Schedule whose newest successful backup is restored.</summary>
    public string? ScheduleName { get; init; }

    /// <summary>Namespaces to take part; wildcards allowed; empty means all.</summary>
    public IReadOnlyList<string>? IncludedNamespaces { get; init; }

    /// <summary>Namespaces left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedNamespaces { get; init; }

    /// <summary>Resource types to take part (plural, optionally with group); empty means all.</summary>
    public IReadOnlyList<string>? IncludedResources { get; init; }

    /// <summary>Resource types left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedResources { get; init; }

    /// <summary>Target namespace by source namespace.</summary>
    public IReadOnlyDictionary<string, string>? NamespaceMapping { get; init; }

    /// <summary>Only objects that match are restored.</summary>
    public LabelSelector? LabelSelector { get; init; }

    /// <summary>Objects that match any of these are restored; excludes labelSelector.</summary>
    public IReadOnlyList<LabelSelector>? OrLabelSelectors { get; init; }

    /// <summary>Whether persistent volumes are restored from snapshots.</summary>
    [JsonPropertyName("restorePVs")]
    public bool? RestorePvs { get; init; }

    /// <summary>Whether services keep their node ports.</summary>
    public bool? PreserveNodePorts { get; init; }

    /// <summary>Whether cluster-scoped objects are restored; unset restores those related to what is included.</summary>
    public bool? IncludeClusterResources { get; init; }

    /// <summary>Objects that get their status back; none by default.</summary>
    public RestoreStatusSpec? RestoreStatus { get; init; }

    /// <summary>Commands and init containers for restored pods.</summary>
    public RestoreHooks? Hooks { get; init; }

    /// <summary>What happens to objects that exist: none or update.</summary>
    public string? ExistingResourcePolicy { get; init; }

    /// <summary>How long asynchronous operations may take.</summary>
    public TimeSpan? ItemOperationTimeout { get; init; }

    /// <summary>ConfigMap of patches applied to objects before they are created.</summary>
    public TypedLocalObjectReference? ResourceModifier { get; init; }

    /// <summary>Whether the server's own modifier is left out.</summary>
    public bool? SkipDefaultResourceModifier { get; init; }

    /// <summary>ConfigMap with filter policies.</summary>
    public TypedLocalObjectReference? ResourcePolicy { get; init; }

    /// <summary>How volume data is written.</summary>
    public UploaderConfigForRestore? UploaderConfig { get; init; }
}
