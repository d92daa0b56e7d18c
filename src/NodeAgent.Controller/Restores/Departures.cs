using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>
/// Tells which objects of the cluster are about to go, and waits until they are gone: taken for present, they would be gone when the restore
/// has ended. There is one patience for all objects of a restore: each stuck one would otherwise cost the whole time again. Not for concurrent use.
/// </summary>
internal sealed class Departures(RestoreScope scope)
{
    private TimeSpan _patience = scope.Options.ResourceTimeout;

    /// <summary>The object in the cluster; null when there is none, and after one that is about to go has gone.</summary>
    /// <exception cref="InvalidDataException">It does not go, or not in time.</exception>
    public async Task<JsonObject?> FindStayingAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation)
    {
        while (await scope.Cluster.GetAsync(kind, ns, name, cancellation) is { } existing)
        {
            if (await ReasonToGoAsync(kind, existing, cancellation) is not { } reason) return existing;
            if (IsKept(existing)) throw new InvalidDataException($"the one in the cluster is kept for a claim that is gone, as its policy Retain says; delete it, or its spec.claimRef to have it used again, and restore again");
            if (!await WaitAsync(cancellation)) throw new InvalidDataException($"the one in the cluster {reason}, and has not gone within {GoDuration.Format(scope.Options.ResourceTimeout)}; restore again when it is gone");
        }

        return null;
    }

    /// <summary>Whether the object is there and is not about to go.</summary>
    public async Task<bool> StaysAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        await scope.Cluster.GetAsync(kind, ns, name, cancellation) is { } existing && (IsKept(existing) || await ReasonToGoAsync(kind, existing, cancellation) is null);

    /// <summary>Waits a moment; false when no patience is left.</summary>
    public async Task<bool> WaitAsync(CancellationToken cancellation)
    {
        if (_patience < TimeSpan.Zero) return false;
        _patience -= scope.Options.PollInterval;
        await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
        return true;
    }

    /// <summary>A volume that nobody deletes once its claim is gone, and that no other claim can get.</summary>
    private static bool IsKept(JsonObject item) => item.Text("metadata", "deletionTimestamp") is null && item.Text("spec", "persistentVolumeReclaimPolicy") == "Retain";

    private async Task<string?> ReasonToGoAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("metadata", "deletionTimestamp") is not null) return "is still being deleted";
        if (kind != KubernetesResources.PersistentVolumes) return null;
        // A volume goes some time after its claim, and says so only from when its controller has seen that.
        if (item.Text("status", "phase") is "Released" or "Failed") return "is released";
        if (item.Text("spec", "claimRef", "uid") is not { Length: > 0 } uid) return null;
        var (ns, name) = (item.Text("spec", "claimRef", "namespace") ?? "", item.Text("spec", "claimRef", "name") ?? "");
        var claim = await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, ns, name, cancellation);
        if (claim is null || claim.Uid() != uid) return $"is about to go, since its claim {ns}/{name} is gone";
        if (claim.Text("metadata", "deletionTimestamp") is not null) return $"is about to go, since its claim {ns}/{name} is being deleted";
        var home = await scope.Cluster.GetAsync(KubernetesResources.Namespaces, null, ns, cancellation);
        return home is null || home.Text("metadata", "deletionTimestamp") is not null ? $"is about to go, since its namespace {ns} is being deleted" : null;
    }
}
