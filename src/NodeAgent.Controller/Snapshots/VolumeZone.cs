using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The zone that a PersistentVolume is in, by its labels or by the nodes that may use it.</summary>
internal static class VolumeZone
{
    public const string Label = "topology.kubernetes.io/zone";
    public const string FormerLabel = "failure-domain.beta.kubernetes.io/zone";

    private static readonly string[] Keys =
    [
        "topology.ebs.csi.aws.com/zone", "topology.disk.csi.azure.com/zone", "topology.gke.io/zone", "topology.cinder.csi.openstack.org/zone",
        "topology.manila.csi.openstack.org/zone", Label, FormerLabel,
    ];

    /// <summary>Empty when nothing says.</summary>
    public static string Of(JsonObject volume) => volume.Label(Label) ?? volume.Label(FormerLabel) ?? OfNodes(volume) ?? "";

    private static string? OfNodes(JsonObject volume)
    {
        var expressions = volume.Objects("spec", "nodeAffinity", "required", "nodeSelectorTerms").SelectMany(t => t.Objects("matchExpressions")).Where(e => e.Text("operator") == "In").ToList();
        foreach (var key in Keys)
        {
            var values = expressions.Where(e => e.Text("key") == key).SelectMany(e => e["values"] as JsonArray ?? []).Select(v => v?.ToString() ?? "").Distinct().ToList();
            // Google's regional disks are in several zones at once, which its provider writes in one word.
            if (values.Count > 0) return key == "topology.gke.io/zone" ? string.Join("__", values) : values[0];
        }

        return null;
    }
}
