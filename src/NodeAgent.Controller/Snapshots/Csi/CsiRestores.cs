using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>
/// Claims of one restore that get their content from snapshots of CSI drivers: for each, a VolumeSnapshotContent that stands for the snapshot
/// and a VolumeSnapshot bound to it are made, and the claim names that as its source. Not for concurrent use.
/// </summary>
internal sealed class CsiRestores(RestoreScope scope, Departures departures, CsiFiles files)
{
    private readonly List<JsonObject> _made = [];
    private readonly HashSet<string> _leftAsTheyAre = new(StringComparer.Ordinal);
    private bool? _isServed;

    /// <summary>Whether the backup has a snapshot of the claim, as namespace and name in the backup.</summary>
    public bool Has(string ns, string claim) => files.Find(ns, claim) is not null;

    /// <summary>Whether a claim, as its target namespace and name, was there and so was not prepared to be filled: it must not be made anew.</summary>
    public bool IsLeftAsItIs(string ns, string claim) => _leftAsTheyAre.Contains($"{ns}/{claim}");

    /// <summary>The entries of the restore's volumeinfo file.</summary>
    public IEnumerable<JsonObject> ToVolumeInfo() => _made;

    /// <summary>Lets a claim be filled from its snapshot, if the backup has one.</summary>
    /// <param name="ns">The claim's namespace in the backup.</param>
    /// <exception cref="InvalidDataException">There is one, and it cannot be used.</exception>
    public async Task PrepareAsync(string ns, JsonObject claim, CancellationToken cancellation)
    {
        if (files.Find(ns, claim.Name()) is not var (snapshot, content)) return;
        var target = scope.Restore.Map(ns);
        if (await departures.FindStayingAsync(KubernetesResources.PersistentVolumeClaims, target, claim.Name(), cancellation) is not null)
        {
            _leftAsTheyAre.Add($"{target}/{claim.Name()}");
            return;
        }

        var handle = content.Text("status", "snapshotHandle") ?? snapshot.Annotation(CsiLabels.Handle);
        var driver = content.Text("spec", "driver") ?? snapshot.Annotation(CsiLabels.DriverName);
        if (string.IsNullOrEmpty(handle) || string.IsNullOrEmpty(driver)) throw new InvalidDataException($"the backup does not say which snapshot of which driver VolumeSnapshot {snapshot.Name()} was; the claim would be empty");
        if (!await IsServedAsync(cancellation))
            throw new InvalidDataException($"the cluster does not serve snapshot.storage.k8s.io/v1, so that its snapshot {handle} of driver {driver} cannot become a volume; install the VolumeSnapshot definitions and the snapshot controller and restore again");
        var name = NameOf(snapshot.Name());
        await CreateAsync(KubernetesResources.VolumeSnapshotContents, null, await ContentAsync(name, target, driver, handle, content, cancellation), cancellation);
        await CreateAsync(KubernetesResources.VolumeSnapshots, target, Snapshot(name, target, claim.Name(), driver, handle), cancellation);

        var spec = claim.Child("spec");
        spec.Remove("volumeName");
        spec.Remove("dataSourceRef");
        spec["dataSource"] = new JsonObject { ["apiGroup"] = KubernetesResources.VolumeSnapshots.Group, ["kind"] = KubernetesResources.VolumeSnapshots.Kind, ["name"] = name };
        Grow(spec, content.Number("status", "restoreSize"));
        scope.Log.Info($"persistentvolumeclaims {KubeObject.Qualify(target, claim.Name())}: filled from snapshot {handle} of driver {driver} through VolumeSnapshot {name}");
        _made.Add(new JsonObject
        {
            ["pvcName"] = claim.Name(),
            ["pvcNamespace"] = target,
            ["restoreMethod"] = "CSISnapshot",
            ["snapshotDataMoved"] = false,
            ["csiSnapshotInfo"] = new JsonObject { ["snapshotHandle"] = handle, ["size"] = content.Number("status", "restoreSize"), ["driver"] = driver, ["vscName"] = name },
        });
    }

    /// <summary>A volume that is smaller than its snapshot, as after a driver rounded up, would be refused.</summary>
    private static void Grow(JsonObject spec, long size)
    {
        if (size <= 0 || !Quantity.TryParse(spec.Text("resources", "requests", "storage"), out var requested) || requested >= size) return;
        spec.Child("resources").Child("requests")["storage"] = size.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Velero's rule, by which two restores of one snapshot do not meet.</summary>
    private string NameOf(string snapshot) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{scope.Restore.Uid}/{snapshot}")));

    private async Task<bool> IsServedAsync(CancellationToken cancellation)
    {
        _isServed ??= (await scope.Cluster.DiscoverAsync(cancellation)).All.Any(r => r.Kind == KubernetesResources.VolumeSnapshots);
        return _isServed.Value;
    }

    private async Task<JsonObject> ContentAsync(string name, string ns, string driver, string handle, JsonObject? stored, CancellationToken cancellation)
    {
        var spec = new JsonObject
        {
            // The backup's snapshot must outlive whatever becomes of this restore's objects.
            ["deletionPolicy"] = "Retain",
            ["driver"] = driver,
            ["source"] = new JsonObject { ["snapshotHandle"] = handle },
            ["volumeSnapshotRef"] = new JsonObject { ["apiVersion"] = KubernetesResources.VolumeSnapshots.ApiVersion, ["kind"] = KubernetesResources.VolumeSnapshots.Kind, ["namespace"] = ns, ["name"] = name },
        };
        if (stored.Text("spec", "sourceVolumeMode") is { } mode) spec["sourceVolumeMode"] = mode;
        // Some drivers need the credentials that a class names even to look at a snapshot. The one of the backup's cluster may not be here.
        await foreach (var item in scope.Cluster.ListAsync(KubernetesResources.VolumeSnapshotClasses, null, null, cancellation))
        {
            if (item.Text("driver") == driver) spec["volumeSnapshotClassName"] = item.Name();
        }

        var made = Object(KubernetesResources.VolumeSnapshotContents, name, spec);
        if (stored.At("metadata", "annotations") is { } annotations) made.Child("metadata")["annotations"] = annotations.DeepClone();
        return made;
    }

    private JsonObject Snapshot(string name, string ns, string claim, string driver, string handle)
    {
        var made = Object(KubernetesResources.VolumeSnapshots, name, new JsonObject { ["source"] = new JsonObject { ["volumeSnapshotContentName"] = name } });
        made.Child("metadata")["namespace"] = ns;
        made.Child("metadata")["annotations"] = new JsonObject { [CsiLabels.Handle] = handle, [CsiLabels.DriverName] = driver, [CsiLabels.DeletionPolicy] = "Retain", [CsiLabels.Claim] = claim };
        return made;
    }

    private JsonObject Object(ResourceKind kind, string name, JsonObject spec)
    {
        var made = new JsonObject { ["apiVersion"] = kind.ApiVersion, ["kind"] = kind.Kind, ["metadata"] = new JsonObject { ["name"] = name }, ["spec"] = spec };
        RestoredObject.AddLabels(made, scope.Restore.Name, scope.Restore.BackupName);
        // Nobody needs it once the claim is filled, which may be long after the restore.
        made.Child("metadata").Child("labels")[CsiLabels.MadeFor] = CsiLabels.ARestore;
        made.Child("metadata").Child("labels")[VeleroLabels.RestoreUid] = scope.Restore.Uid;
        return made;
    }

    private async Task CreateAsync(ResourceKind kind, string? ns, JsonObject item, CancellationToken cancellation)
    {
        try
        {
            await scope.Cluster.CreateAsync(kind, ns, item, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == System.Net.HttpStatusCode.Conflict)
        {
            // Its name is this restore's alone: an answer that was lost came of it.
        }
    }
}
