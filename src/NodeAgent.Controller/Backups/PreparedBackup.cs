using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>A backup that was found valid, with its defaults filled in and all that its run needs to know.</summary>
internal sealed record PreparedBackup
{
    /// <summary>The object as the cluster has it, defaults included.</summary>
    public required JsonObject Object { get; init; }

    public required Backup Backup { get; init; }

    /// <summary>Where it goes, the location of its spec first. They belong to the run, which disposes the buckets.</summary>
    public required IReadOnlyList<BackupPlace> Places { get; init; }

    /// <summary>Locations that it was meant for as well and that cannot be used, each with the reason.</summary>
    public required IReadOnlyList<string> PlaceProblems { get; init; }

    /// <summary>Where its volumes are snapshotted.</summary>
    public SnapshotChoice Snapshots { get; init; } = SnapshotChoice.None;

    public required BackupFilter Filter { get; init; }

    public required ResourcePolicies Policies { get; init; }

    /// <summary>What in the policy has no effect, one line each.</summary>
    public IReadOnlyList<string> PolicyNotes { get; init; } = [];

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
