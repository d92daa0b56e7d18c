using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>A backup that was found valid, with its defaults filled in and all that its run needs to know.</summary>
internal sealed record PreparedBackup
{
    /// <summary>The object as the cluster has it, defaults included.</summary>
    public required JsonObject Object { get; init; }

    public required Backup Backup { get; init; }

    public required BackupStorageLocation Location { get; init; }

    /// <summary>Belongs to the run, which disposes it.</summary>
    public required IBucket Bucket { get; init; }

    /// <summary>Where its volumes are snapshotted.</summary>
    public SnapshotChoice Snapshots { get; init; } = SnapshotChoice.None;

    public required BackupFilter Filter { get; init; }

    public required ResourcePolicies Policies { get; init; }

    public required ResourceOrder Order { get; init; }

    /// <summary>What the cluster serves that can be listed and created, in the order in which it is collected.</summary>
    public required IReadOnlyList<ServedResource> Resources { get; init; }

    /// <summary>The versions beside the preferred ones in which the types are stored as well; none unless the options ask for them.</summary>
    public required IReadOnlyList<ResourceKind> OtherVersions { get; init; }

    /// <summary>Groups of which the cluster did not say what it serves, each with the reason.</summary>
    public required IReadOnlyList<string> Unavailable { get; init; }

    public required DateTimeOffset Started { get; init; }

    public string Name => Object.Name();

    public string Uid => Object.Uid();

    public string Schedule => Object.Label(VeleroLabels.ScheduleName) ?? "";

    public BackupFiles Files => new(Name);
}
