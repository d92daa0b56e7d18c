using System.Text.Json.Nodes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Volumes;

/// <summary>
/// Finds where the kubelet has mounted a volume: <c>&lt;pods&gt;/&lt;pod uid&gt;/volumes/&lt;plugin&gt;/&lt;name&gt;</c>, where the name is that of
/// the PersistentVolume for a claim and that of the pod's volume otherwise. CSI volumes have their files one level deeper, in <c>mount</c>.
/// What a driver has not mounted, or not any more, is an empty directory that looks like an empty volume, and is refused.
/// </summary>
internal sealed class VolumeFinder(ApiClient client, AgentOptions options)
{
    private const string CsiPlugin = "kubernetes.io~csi";
    private const string EmptyDirPlugin = "kubernetes.io~empty-dir";

    /// <summary>Kinds whose files the kubelet itself writes into a directory of the node.</summary>
    private static readonly string[] Unmounted = [EmptyDirPlugin, "kubernetes.io~configmap", "kubernetes.io~secret", "kubernetes.io~projected", "kubernetes.io~downward-api", "kubernetes.io~git-repo"];

    /// <exception cref="AgentException">The volume has no directory on this node; the message says what was looked for.</exception>
    public async Task<VolumeDirectory> FindAsync(KubernetesObject pod, string volume, CancellationToken cancellation)
    {
        var what = $"volume {volume} of pod {pod.Key}";
        var entry = (pod.Spec?["volumes"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(v => Text(v, "name") == volume)
            ?? throw new AgentException($"{what}: the pod has no volume of this name");
        // These hold what other objects say, or the node's own files, or a token; writing them would give a pod what nobody granted it.
        if (VeleroLabels.VolumesNeverTaken.FirstOrDefault(entry.ContainsKey) is { } kind) throw new AgentException($"{what}: {kind} volumes are neither backed up nor restored");
        if (pod.Spec?["nodeName"] is not JsonValue node || !node.TryGetValue<string>(out var nodeName) || nodeName != options.NodeName)
            throw new AgentException($"{what}: the pod is not on node {options.NodeName}");
        // The pod's UID becomes part of a path.
        if (pod.Uid.Length == 0 || pod.Uid is "." or ".." || pod.Uid.Contains('/', StringComparison.Ordinal)) throw new AgentException($"{what}: the pod's uid \"{pod.Uid}\" is no uid");
        var claim = entry["persistentVolumeClaim"] is JsonObject source ? Text(source, "claimName") : entry["ephemeral"] is not null ? $"{pod.Name}-{volume}" : null;
        var name = claim is null ? volume : await VolumeOfClaimAsync(pod.Namespace, claim, what, cancellation);

        var root = Path.Combine(options.HostPods, pod.Uid);
        if (!Directory.Exists(root))
            throw new AgentException($"{what}: {root} does not exist: the pod is not on node {options.NodeName}, or the kubelet's pods directory is not mounted at {options.HostPods}");
        var found = Directories(Path.Combine(root, "volumes")).Select(plugin => Path.Combine(plugin, name)).Where(Directory.Exists).ToList();
        if (found is [var directory])
        {
            var plugin = Path.GetFileName(Path.GetDirectoryName(directory))!;
            var path = plugin == CsiPlugin ? Path.Combine(directory, "mount") : directory;
            if (!Directory.Exists(path)) throw new AgentException($"{what}: {path} does not exist: the CSI driver has not mounted it");
            var identity = IdentityOf(path, what);
            var isMounted = plugin == EmptyDirPlugin ? Text(entry["emptyDir"], "medium") is { Length: > 0 } : !Unmounted.Contains(plugin);
            if (isMounted && identity.IsMountPoint == false && !options.AcceptsPlainDirectories)
                throw new AgentException($"{what}: nothing is mounted at {path}: it was unmounted, or its mount does not reach this process; see the events of the pod, and that {options.HostPods} is mounted with propagation HostToContainer");
            return new VolumeDirectory(path, claim, identity);
        }

        if (found.Count > 1) throw new AgentException($"{what}: found more than once: {string.Join(" and ", found)}");
        if (Directories(Path.Combine(root, "volumeDevices")).Any(plugin => Path.Exists(Path.Combine(plugin, name))))
            throw new AgentException($"{what}: it is a raw block device, which file-system backup does not read");
        throw new AgentException($"{what}: no directory named {name} is below {root}/volumes: the kubelet has not mounted it, or its kind has no files on the node");
    }

    private async Task<string> VolumeOfClaimAsync(string ns, string claim, string what, CancellationToken cancellation)
    {
        var found = await client.FindAsync(KubernetesResources.PersistentVolumeClaims, ns, claim, cancellation)
            ?? throw new AgentException($"{what}: its claim {claim} does not exist");
        return found.Spec is { } spec && Text(spec, "volumeName") is { Length: > 0 } name && ResourceKind.IsPossibleName(name)
            ? name
            : throw new AgentException($"{what}: its claim {claim} is not bound to a volume");
    }

    private static DirectoryIdentity IdentityOf(string path, string what)
    {
        try
        {
            return DirectoryIdentity.Of(path);
        }
        catch (IOException e)
        {
            throw new AgentException($"{what}: {path} cannot be opened: {e.Message}");
        }
    }

    private static IEnumerable<string> Directories(string path) => Directory.Exists(path) ? Directory.EnumerateDirectories(path) : [];

    private static string? Text(JsonNode? from, string name) => (from as JsonObject)?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
