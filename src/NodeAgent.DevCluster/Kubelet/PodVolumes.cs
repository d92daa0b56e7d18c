using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Interop;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Volumes;

namespace NodeAgent.DevCluster.Kubelet;

/// <summary>The directories of one node's pods, laid out as a kubelet does.</summary>
internal sealed class PodVolumes(string pods, ObjectStore store, VolumeDirectories directories)
{
    /// <summary>Makes every volume of a pod.</summary>
    /// <returns>Why that cannot be done yet; null when all are there.</returns>
    public string? SetUp(JsonObject pod)
    {
        Directory.CreateDirectory(Path.Combine(pods, pod.Uid(), "volumes"));
        foreach (var volume in pod.Items("spec", "volumes"))
        {
            if (SetUp(pod, volume) is { } problem)
                return $"MountVolume.SetUp failed for volume \"{volume.Text("name")}\" : {problem}";
        }
        return null;
    }

    /// <summary>Removes a pod's directories; data of persistent volumes stays.</summary>
    public void TearDown(string uid)
    {
        var directory = Path.Combine(pods, uid);
        directories.UnmountBelow(directory);
        DirectoryTree.Remove(directory);
    }

    /// <summary>Where a volume's files are on the node; null for one that has no directory of its own (hostPath).</summary>
    public string? PathOf(JsonObject pod, JsonObject volume)
    {
        var root = Path.Combine(pods, pod.Uid(), "volumes");
        var name = volume.Text("name");
        foreach (var (kind, plugin) in ((string, string)[])[("emptyDir", "empty-dir"), ("configMap", "configmap"), ("secret", "secret"), ("projected", "projected"), ("downwardAPI", "downward-api")])
        {
            if (volume.FindObject(kind) is not null)
                return Path.Combine(root, "kubernetes.io~" + plugin, name);
        }
        if (ClaimOf(pod, volume) is not { Length: > 0 } claimName)
            return null;
        var claim = store.Find("persistentvolumeclaims", new ObjectKey(pod.Namespace(), claimName))?.Content;
        var bound = store.Find("persistentvolumes", new ObjectKey("", claim.Text("spec", "volumeName")))?.Content;
        if (bound is null || bound.FindObject("spec", "hostPath") is not null)
            return null;
        return bound.FindObject("spec", "csi") is not null
            ? Path.Combine(root, "kubernetes.io~csi", bound.Name(), "mount")
            : Path.Combine(root, bound.FindObject("spec", "nfs") is not null ? "kubernetes.io~nfs" : "kubernetes.io~local-volume", bound.Name());
    }

    public static string ClaimOf(JsonObject pod, JsonObject volume) =>
        volume.FindObject("ephemeral") is not null ? $"{pod.Name()}-{volume.Text("name")}" : volume.Text("persistentVolumeClaim", "claimName");

    private string? SetUp(JsonObject pod, JsonObject volume)
    {
        if (ClaimOf(pod, volume) is { Length: > 0 } claimName)
        {
            var claim = store.Find("persistentvolumeclaims", new ObjectKey(pod.Namespace(), claimName))?.Content;
            if (claim is null)
                return $"persistentvolumeclaim \"{claimName}\" not found";
            if (claim.Text("status", "phase") != "Bound")
                return $"persistentvolumeclaim \"{claimName}\" is not bound";
            if (PathOf(pod, volume) is { } mount && !directories.Mount(claim.Text("spec", "volumeName"), mount))
                return "Multi-Attach error: the volume is in use by another pod";
            return null;
        }
        if (PathOf(pod, volume) is not { } path)
            return null;
        if (volume.FindObject("emptyDir") is not null)
        {
            if (!Directory.Exists(path))
                VolumeDirectories.MakeOpen(path);
            return null;
        }
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var kind in (string[])["configMap", "secret", "downwardAPI"])
        {
            if (volume.FindObject(kind) is { } source && Collect(pod, kind, source, files) is { } missing)
                return missing;
        }
        foreach (var source in volume.Items("projected", "sources"))
        {
            foreach (var (kind, value) in source)
            {
                if (value is JsonObject part && Collect(pod, kind, part, files) is { } missing)
                    return missing;
            }
        }
        Directory.CreateDirectory(path);
        foreach (var (name, content) in files)
        {
            var file = Path.GetFullPath(Path.Combine(path, name));
            if (!file.StartsWith(path + "/", StringComparison.Ordinal))
                return $"{name}: leaves the volume";
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, content);
        }
        return null;
    }

    private string? Collect(JsonObject pod, string kind, JsonObject source, Dictionary<string, byte[]> files)
    {
        switch (kind)
        {
            case "configMap" or "secret":
                var name = source.Text("name") is { Length: > 0 } given ? given : source.Text("secretName");
                var found = store.Find(kind == "secret" ? "secrets" : "configmaps", new ObjectKey(pod.Namespace(), name))?.Content;
                if (found is null)
                    return source.Flag("optional") ? null : $"{kind.ToLowerInvariant()} \"{name}\" not found";
                var wanted = source.Items("items").ToDictionary(i => i.Text("key"), i => i.Text("path"));
                foreach (var (key, value) in (found.FindObject("data") ?? []).Concat(found.FindObject("binaryData") ?? []))
                {
                    var encoded = kind == "secret" || found.FindObject("binaryData")?.ContainsKey(key) == true;
                    if (wanted.Count == 0 || wanted.ContainsKey(key))
                        files[wanted.GetValueOrDefault(key, key)] = encoded ? Convert.FromBase64String(value.Text()) : Encoding.UTF8.GetBytes(value.Text());
                }
                return null;
            case "serviceAccountToken":
                files[source.Text("path")] = "devcluster"u8.ToArray();
                return null;
            case "downwardAPI":
                foreach (var item in source.Items("items"))
                    files[item.Text("path")] = Encoding.UTF8.GetBytes(pod.Text(item.Text("fieldRef", "fieldPath").Split('.')));
                return null;
            default:
                return null;
        }
    }
}
