using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Tests.Snapshots.Csi;

/// <summary>
/// Plays the snapshot controller and the driver's side over the test API server: cuts snapshots of claims, binds contents that stand for
/// snapshots, provisions claims from them, and deletes what a deleted content stands for as its policy says.
/// </summary>
internal sealed class SampleDriver : IAsyncDisposable
{
    public const string Name = "disk.example.com";

    private const string Finalizer = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection";

    private readonly CancellationTokenSource _stop = new();
    private readonly TestApiServer _api;
    private readonly Task _loop;
    private int _next;

    public SampleDriver(TestApiServer api)
    {
        _api = api;
        _loop = RunAsync();
    }

    /// <summary>Snapshots in the storage system, by handle: the claim that they are of.</summary>
    public ConcurrentDictionary<string, string> Stored { get; } = new();

    /// <summary>Handles of the snapshots that claims were filled from, by the claim.</summary>
    public ConcurrentDictionary<string, string> Filled { get; } = new();

    /// <summary>Whether snapshots are cut; false leaves requests alone, as when nothing runs.</summary>
    public bool Cuts { get; set; } = true;

    /// <summary>Whether cut snapshots become ready.</summary>
    public bool Readies { get; set; } = true;

    /// <summary>Error that the driver reports instead of cutting.</summary>
    public string? Error { get; set; }

    /// <summary>Whether deleted contents go.</summary>
    public bool Deletes { get; set; } = true;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                foreach (var snapshot in _api.All(KubernetesResources.VolumeSnapshots)) Cut(snapshot);
                foreach (var content in _api.All(KubernetesResources.VolumeSnapshotContents)) Look(content);
                foreach (var claim in _api.All(KubernetesResources.PersistentVolumeClaims).Where(c => c.Text("spec", "volumeName") is null)) Provision(claim);
                await Task.Delay(20, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private void Cut(JsonObject snapshot)
    {
        var (ns, name) = (snapshot.Namespace(), snapshot.Name());
        var bound = snapshot.Text("status", "boundVolumeSnapshotContentName");
        if (snapshot.Text("spec", "source", "volumeSnapshotContentName") is { } given)
        {
            var content = _api.Find(KubernetesResources.VolumeSnapshotContents, null, given);
            var fits = content.Text("spec", "volumeSnapshotRef", "namespace") == ns && content.Text("spec", "volumeSnapshotRef", "name") == name;
            if (bound is null && fits) Set(KubernetesResources.VolumeSnapshots, ns, name, $$$"""{"status":{"boundVolumeSnapshotContentName":"{{{given}}}","readyToUse":true} }""");
            return;
        }

        if (!Cuts) return;
        var contentName = $"snapcontent-{snapshot.Uid()}";
        if (bound is null)
        {
            _api.Add(KubernetesResources.VolumeSnapshotContents, $$$"""
                {"metadata":{"name":"{{{contentName}}}","finalizers":["{{{Finalizer}}}"]},
                 "spec":{"driver":"{{{Name}}}","deletionPolicy":"Delete","volumeSnapshotClassName":"{{{snapshot.Text("spec", "volumeSnapshotClassName")}}}",
                  "source":{"volumeHandle":"h"},"volumeSnapshotRef":{"namespace":"{{{ns}}}","name":"{{{name}}}"} } }
                """);
            Set(KubernetesResources.VolumeSnapshots, ns, name, $$$"""{"status":{"boundVolumeSnapshotContentName":"{{{contentName}}}","readyToUse":false} }""");
            return;
        }

        if (Error is { } error)
        {
            Set(KubernetesResources.VolumeSnapshotContents, null, bound, new JsonObject { ["status"] = new JsonObject { ["readyToUse"] = false, ["error"] = new JsonObject { ["message"] = error } } }.ToJsonString());
        }
        else if (_api.Find(KubernetesResources.VolumeSnapshotContents, null, bound) is { } content && content.Text("status", "snapshotHandle") is null)
        {
            var handle = $"snap-{Interlocked.Increment(ref _next)}";
            Stored[handle] = $"{ns}/{snapshot.Text("spec", "source", "persistentVolumeClaimName")}";
            Set(KubernetesResources.VolumeSnapshotContents, null, bound, $$$"""{"status":{"snapshotHandle":"{{{handle}}}","restoreSize":2147483648,"readyToUse":false} }""");
        }
        else if (Readies && !snapshot.IsTrue("status", "readyToUse"))
        {
            Set(KubernetesResources.VolumeSnapshotContents, null, bound, """{"status":{"readyToUse":true}}""");
            Set(KubernetesResources.VolumeSnapshots, ns, name, """{"status":{"readyToUse":true,"restoreSize":"2Gi","creationTime":"2026-01-02T03:04:05Z"}}""");
        }
    }

    private void Look(JsonObject content)
    {
        if (content.Text("metadata", "deletionTimestamp") is null || !Deletes) return;
        var handle = content.Text("status", "snapshotHandle") ?? content.Text("spec", "source", "snapshotHandle");
        if (content.Text("spec", "deletionPolicy") == "Delete" && handle is not null) Stored.TryRemove(handle, out _);
        _api.Remove(KubernetesResources.VolumeSnapshotContents, null, content.Name());
    }

    private void Provision(JsonObject claim)
    {
        if (claim.Text("spec", "dataSource", "kind") != "VolumeSnapshot") return;
        var snapshot = _api.Find(KubernetesResources.VolumeSnapshots, claim.Namespace(), claim.Text("spec", "dataSource", "name")!);
        var content = snapshot.Text("status", "boundVolumeSnapshotContentName") is { } name ? _api.Find(KubernetesResources.VolumeSnapshotContents, null, name) : null;
        var handle = content.Text("spec", "source", "snapshotHandle");
        if (handle is null || !Stored.ContainsKey(handle)) return;
        Filled[claim.QualifiedName()] = handle;
        Set(KubernetesResources.PersistentVolumeClaims, claim.Namespace(), claim.Name(), $$$"""{"spec":{"volumeName":"pvc-{{{claim.Uid()}}}"},"status":{"phase":"Bound"} }""");
    }

    private void Set(ResourceKind kind, string? ns, string name, string patch)
    {
        try
        {
            _api.Patch(kind, ns, name, patch);
        }
        catch (KeyNotFoundException)
        {
            // It was deleted a moment ago.
        }
    }
}
