using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>What policies ask about a volume: taken from its persistent volume, else from the pod's volume, and from its claim.</summary>
internal sealed record VolumeFacts
{
    // The names of the fields that tell what a volume is, which are the types' names in policies. Of a pod's volume the last
    // ones are looked at only when no other is there.
    private static readonly string[] Types =
    [
        "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flocker", "flexVolume", "gcePersistentDisk", "gitRepo", "glusterfs", "iscsi",
        "local", "nfs", "secret", "rbd", "downwardAPI", "configMap", "projected", "ephemeral", "photonPersistentDisk", "portworxVolume", "quobyte", "scaleIO", "storageos",
        "vsphereVolume", "hostPath", "emptyDir",
    ];

    public decimal Capacity { get; init; }

    public string StorageClass { get; init; } = "";

    public string Type { get; init; } = "";

    public (string Server, string Path)? Nfs { get; init; }

    public (string Driver, IReadOnlyDictionary<string, string> Attributes)? Csi { get; init; }

    public IReadOnlyDictionary<string, string> ClaimLabels { get; init; } = new Dictionary<string, string>();

    public string ClaimPhase { get; init; } = "";

    public string ClaimVolumeMode { get; init; } = "";

    public IReadOnlyList<string> ClaimAccessModes { get; init; } = [];

    /// <param name="volume">The persistent volume; null when there is none.</param>
    /// <param name="podVolume">The volume as the pod lists it, which counts without a persistent volume.</param>
    public static VolumeFacts Of(JsonObject? volume, JsonObject? podVolume, JsonObject? claim)
    {
        var source = volume is not null ? volume.At("spec") as JsonObject : podVolume;
        return new VolumeFacts
        {
            Capacity = Quantity.TryParse(volume.Text("spec", "capacity", "storage"), out var capacity) ? capacity : 0,
            StorageClass = volume.Text("spec", "storageClassName") ?? "",
            Type = Types.FirstOrDefault(t => source.At(t) is JsonObject) is { } type ? type == "storageos" ? "storageOS" : type : "",
            Nfs = source.At("nfs") is JsonObject nfs ? (nfs.Text("server") ?? "", nfs.Text("path") ?? "") : null,
            Csi = source.At("csi") is JsonObject csi ? (csi.Text("driver") ?? "", csi.StringMap("volumeAttributes")) : null,
            ClaimLabels = claim.StringMap("metadata", "labels"),
            ClaimPhase = claim.Text("status", "phase") ?? "",
            ClaimVolumeMode = claim is null ? "" : claim.Text("spec", "volumeMode") ?? "Filesystem",
            ClaimAccessModes = claim.At("spec", "accessModes") is JsonArray modes ? [.. modes.Select(m => m?.ToString() ?? "")] : [],
        };
    }
}
