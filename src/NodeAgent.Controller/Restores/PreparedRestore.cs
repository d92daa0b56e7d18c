using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Modifiers;
using NodeAgent.Controller.Restores.Mappings;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Restores;

/// <summary>A restore that was found valid, with all that its run needs to know.</summary>
internal sealed record PreparedRestore
{
    public required JsonObject Object { get; init; }

    public required RestoreSpec Spec { get; init; }

    public required string BackupName { get; init; }

    /// <summary>Schedule that the backup came from; empty for one made by hand.</summary>
    public required string Schedule { get; init; }

    /// <summary>Belongs to the run, which disposes it.</summary>
    public required IBucket Bucket { get; init; }

    public required string LocationName { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Changes to objects before they are created; null for none.</summary>
    public ResourceModifiers? Modifiers { get; init; }

    /// <summary>What was asked for and is not done, one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Which objects of single types are meant.</summary>
    public ResourcePolicies Policies { get; init; } = ResourcePolicies.None;

    /// <summary>The versions that the user wants of a type, by plural.group, where the backup holds several.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> VersionPriorities { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Lines of the user's list of versions that say nothing.</summary>
    public IReadOnlyList<string> VersionMistakes { get; init; } = [];

    /// <summary>Names that are others in this cluster.</summary>
    public RestoreMappings Mappings { get; init; } = RestoreMappings.None;

    public string Name => Object.Name();

    public string Uid => Object.Uid();

    public RestoreFiles Files => new(Name);

    public IReadOnlyDictionary<string, string> NamespaceMapping => Spec.NamespaceMapping ?? new Dictionary<string, string>();

    public string Map(string ns) => NamespaceMapping.TryGetValue(ns, out var target) ? target : ns;
}
