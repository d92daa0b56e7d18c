using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Snapshots;

/// <summary>Makes the volumes of one restore out of the snapshots of its backup. Not for concurrent use.</summary>
/// <param name="records">The backup's snapshots; none when the restore takes no volume data.</param>
/// <param name="csi">Those that drivers made of claims.</param>
internal sealed class SnapshotRestores(RestoreScope scope, ControllerServices services, IReadOnlyList<JsonObject> records, CsiRestores csi, Departures departures) : IDisposable
{
    private const string OriginalName = "velero.io/original-pv-name";

    private readonly OpenSnapshotters _opened = new(services.Snapshots);
    private readonly Dictionary<string, string> _renamed = new(StringComparer.Ordinal);
    private readonly HashSet<string> _failed = new(StringComparer.Ordinal);
    private readonly List<JsonObject> _made = [];

    /// <summary>Claims that are filled from snapshots of CSI drivers.</summary>
    public CsiRestores Csi => csi;

    /// <summary>Whether a volume was to come from a snapshot and did not.</summary>
    public bool HasFailed(string volume) => _failed.Contains(volume);

    /// <summary>The name under which a volume of the backup was restored, where that is another.</summary>
    public string NameOf(string volume) => _renamed.GetValueOrDefault(volume, volume);

    /// <summary>
    /// Makes a volume of the backup's PersistentVolume and lets the object stand for it. False when there is no snapshot of it, and
    /// the object is untouched. One that is in the cluster needs no new volume, unless its claim goes to another namespace: then it gets a
    /// name of its own.
    /// </summary>
    /// <exception cref="InvalidDataException">There is a snapshot, and no volume can be made of it.</exception>
    public async Task<bool> RestoreAsync(JsonObject volume, CancellationToken cancellation)
    {
        var name = volume.Name();
        var record = records.FirstOrDefault(r => r.Text("spec", "persistentVolumeName") == name);
        if (record is null) return false;
        var moves = volume.Text("spec", "claimRef", "namespace") is { } ns && scope.Restore.Map(ns) != ns;
        try
        {
            // Beside one that is about to go, a new one would be taken for it; under a name of its own it is in nobody's way.
            var existing = moves ? await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumes, null, name, cancellation) : await departures.FindStayingAsync(KubernetesResources.PersistentVolumes, null, name, cancellation);
            RestoredObject.PrepareVolume(volume, scope.Restore.NamespaceMapping);
            if (existing is not null && !moves) return true;
            if (existing is not null) Rename(volume);
            await MakeAsync(volume, record, cancellation);
            return true;
        }
        catch (Exception e) when (e is SnapshotException or InvalidDataException)
        {
            _failed.Add(name);
            throw new InvalidDataException($"it could not be made from snapshot {record.Text("status", "providerSnapshotID")}: {e.Message}", e);
        }
    }

    /// <summary>The entries of the restore's volumeinfo file.</summary>
    public IEnumerable<JsonObject> ToVolumeInfo() => _made.Concat(csi.ToVolumeInfo());

    public void Dispose() => _opened.Dispose();

    private async Task MakeAsync(JsonObject volume, JsonObject record, CancellationToken cancellation)
    {
        var (spec, snapshot) = (record["spec"], record.Text("status", "providerSnapshotID")!);
        var (snapshotter, provider) = await _opened.OpenAsync(spec.Text("location") ?? "", cancellation);
        var traits = new VolumeTraits(spec.Text("volumeType") ?? "", spec.At("volumeIOPS") is null ? null : spec.Number("volumeIOPS"));
        var zone = spec.Text("volumeAZ") ?? "";
        if (provider.VolumeIdOf(volume) is null) throw new SnapshotException($"the PersistentVolume is not one of provider {provider.Name}");
        var id = await snapshotter.CreateVolumeAsync(snapshot, traits, zone, cancellation);
        provider.Assign(volume, id);
        scope.Log.Info($"persistentvolumes {volume.Name()}: made as {id} from snapshot {snapshot}");
        _made.Add(new JsonObject
        {
            ["pvcName"] = volume.Text("spec", "claimRef", "name") ?? "",
            ["pvcNamespace"] = volume.Text("spec", "claimRef", "namespace") ?? "",
            ["pvName"] = volume.Name(),
            ["restoreMethod"] = "NativeSnapshot",
            ["snapshotDataMoved"] = false,
            ["nativeSnapshotInfo"] = new JsonObject
            {
                ["snapshotHandle"] = snapshot,
                ["volumeType"] = traits.Type,
                ["volumeAZ"] = zone,
                ["iops"] = (traits.Iops ?? 0).ToString(CultureInfo.InvariantCulture),
                ["Phase"] = "",
            },
        });
    }

    private void Rename(JsonObject volume)
    {
        var (former, name) = (volume.Name(), $"velero-clone-{Guid.NewGuid()}");
        _renamed[former] = name;
        volume.Child("metadata")["name"] = name;
        volume.Child("metadata").Child("annotations")[OriginalName] = former;
    }
}
