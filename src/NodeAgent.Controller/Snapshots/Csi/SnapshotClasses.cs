using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>The VolumeSnapshotClasses of a cluster, and which of them a claim's snapshot is made with.</summary>
internal sealed class SnapshotClasses(IReadOnlyList<JsonObject> classes)
{
    /// <summary>
    /// The class that is named first for the driver, in the order of <paramref name="names"/>; then the one with Velero's label, the
    /// cluster's default, and the only one. Null when there is none.
    /// </summary>
    /// <param name="names">Names that were given for it, each with who gave it; null where nobody did.</param>
    /// <param name="warn">Told of a name that cannot be used.</param>
    public JsonObject? Choose(string driver, IEnumerable<(string By, string? Name)> names, Action<string> warn)
    {
        foreach (var (by, name) in names.Where(n => !string.IsNullOrEmpty(n.Name)))
        {
            var named = classes.FirstOrDefault(c => string.Equals(c.Name(), name, StringComparison.OrdinalIgnoreCase));
            if (named is not null && string.Equals(named.Text("driver"), driver, StringComparison.OrdinalIgnoreCase)) return named;
            warn(named is null ? $"{by} names VolumeSnapshotClass {name}, which does not exist" : $"{by} names VolumeSnapshotClass {name}, which is of driver {named.Text("driver")} and not of {driver}");
        }

        var own = classes.Where(c => c.Text("driver") == driver).ToList();
        return own.FirstOrDefault(c => c.Label(CsiLabels.Class) is not null)
            ?? own.FirstOrDefault(c => c.Annotation(CsiLabels.IsDefaultClass) == "true")
            ?? (own.Count == 1 ? own[0] : null);
    }

    /// <summary>Why <see cref="Choose"/> found none.</summary>
    public string WhyNone(string driver) => classes.Any(c => c.Text("driver") == driver)
        ? $"driver {driver} has several VolumeSnapshotClasses; label one of them {CsiLabels.Class}=true"
        : $"there is no VolumeSnapshotClass of driver {driver}; create one";
}
