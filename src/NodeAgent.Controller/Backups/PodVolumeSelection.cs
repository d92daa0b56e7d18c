using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Chooses the volumes of a pod whose files are backed up. The kind of volume comes first, since some are never taken; then a policy
/// that the volume meets, whatever the annotations say; then the annotations, as the backup's mode reads them.
/// </summary>
internal static class PodVolumeSelection
{
    /// <param name="optOut">True takes all volumes but those that the pod excludes, false only those that it names.</param>
    /// <param name="claimsTaken">Whether the backup takes PersistentVolumeClaims at all.</param>
    /// <param name="policies">The policies that volumes of the pod meet, by the volumes' names.</param>
    public static IReadOnlyList<VolumeDecision> Select(JsonObject pod, bool optOut, bool claimsTaken, IReadOnlyDictionary<string, VolumePolicy> policies)
    {
        var volumes = pod.Objects("spec", "volumes").Where(v => v.Text("name") is not (null or VeleroLabels.RestoreMarksVolume)).ToDictionary(v => v.Text("name")!);
        var listed = (pod.Annotation(optOut ? VeleroLabels.BackupVolumesExcludes : VeleroLabels.BackupVolumes) ?? "")
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var wanted = optOut ? volumes.Keys.Except(listed) : listed.Distinct();
        var mounts = NamesIn(pod, "volumeMounts");
        var devices = NamesIn(pod, "volumeDevices");
        var decisions = new List<VolumeDecision>();
        foreach (var name in wanted.Union(policies.Keys))
        {
            if (!volumes.TryGetValue(name, out var volume))
            {
                decisions.Add(new VolumeDecision { Volume = name, Action = VolumeAction.Skip, Skipped = "the pod has no volume of this name", WasAskedFor = true });
                continue;
            }

            var claim = volume.Text("persistentVolumeClaim", "claimName") ?? (volume.ContainsKey("ephemeral") ? $"{pod.Name()}-{name}" : null);
            var policy = KindProblem(pod, name, volume, claim, claimsTaken) is null ? policies.GetValueOrDefault(name) : null;
            var skipped = KindProblem(pod, name, volume, claim, claimsTaken) ?? PolicyReason(policy) ?? UseProblem(name, mounts, devices);
            decisions.Add(new VolumeDecision
            {
                Volume = name,
                Claim = claim,
                Action = skipped is null ? VolumeAction.FsBackup : policy?.Action == VolumeAction.Snapshot ? VolumeAction.Snapshot : VolumeAction.Skip,
                Policy = policy,
                WasAskedFor = !optOut && listed.Contains(name),
                Skipped = skipped,
            });
        }

        return decisions;
    }

    /// <summary>True for kinds of volumes that opting out of nothing does not bring in; they are passed over in silence.</summary>
    public static bool IsNeverTaken(JsonObject volume) => VeleroLabels.VolumesNeverTaken.Any(volume.ContainsKey);

    private static string? PolicyReason(VolumePolicy? policy) => policy?.Action switch
    {
        null or VolumeAction.FsBackup => null,
        VolumeAction.Snapshot => $"{policy.Place} wants a snapshot of it",
        _ => $"{policy.Place} skips it",
    };

    private static string? KindProblem(JsonObject pod, string name, JsonObject volume, string? claim, bool claimsTaken)
    {
        // The kubelet keeps its volumes under another uid, and a restore does not make it.
        if (pod.Annotation("kubernetes.io/config.mirror") is not null) return "the pod is a static one, which its node's kubelet makes";
        if (VeleroLabels.VolumesNeverTaken.FirstOrDefault(volume.ContainsKey) is { } kind) return $"{kind} volumes are not backed up";
        if (name.StartsWith("default-token", StringComparison.Ordinal)) return "it holds a service account token";
        return claim is not null && !claimsTaken ? "the backup leaves out persistent volume claims" : null;
    }

    private static string? UseProblem(string name, HashSet<string> mounts, HashSet<string> devices)
    {
        if (devices.Contains(name)) return "it is used as a block device, which file-system backup does not read";
        return mounts.Contains(name) ? null : "no container of the pod mounts it";
    }

    /// <summary>Init containers count: the kubelet mounts what any container names for as long as the pod lives, and a sidecar is one that goes on.</summary>
    private static HashSet<string> NamesIn(JsonObject pod, string list) =>
        [.. pod.Objects("spec", "containers").Concat(pod.Objects("spec", "initContainers")).SelectMany(c => c.Objects(list)).Select(m => m.Text("name") ?? "")];
}
