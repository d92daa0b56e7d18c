using System.Text;
using System.Text.Json;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>Finds the snapshot locations that a backup names or falls to, and opens them. Secrets are read each time, so that new keys count at once.</summary>
internal sealed class SnapshotLocations(ClusterClient cluster, SnapshotProviders providers, ControllerOptions options)
{
    /// <summary>Key of a <c>csi</c> location's config, ours: the class that is used where claim and backup name none.</summary>
    public const string ClassKey = "volumeSnapshotClass";

    public SnapshotProviders Providers => providers;

    public async Task<VolumeSnapshotLocation?> FindAsync(string name, CancellationToken cancellation)
    {
        var item = await cluster.GetAsync(VeleroResources.VolumeSnapshotLocations, options.Namespace, name, cancellation);
        return item is null ? null : Read(item);
    }

    /// <summary>
    /// The locations of a backup, at most one a provider: those that it names, then each provider's default, then the only one of a
    /// provider. A backup that asks for no snapshots needs no choice among several.
    /// </summary>
    public async Task<SnapshotChoice> ChooseAsync(BackupSpec spec, CancellationToken cancellation)
    {
        var errors = new List<string>();
        var chosen = new Dictionary<string, VolumeSnapshotLocation>(StringComparer.Ordinal);
        foreach (var name in (spec.VolumeSnapshotLocations ?? []).Distinct(StringComparer.Ordinal))
        {
            var location = await FindAsync(name, cancellation);
            var provider = SnapshotProviders.NameOf(location?.Spec.Provider);
            if (location is null) errors.Add($"spec.volumeSnapshotLocations: snapshot location \"{name}\" does not exist; create it, or leave it out");
            else if (!providers.Known.Contains(provider)) errors.Add($"spec.volumeSnapshotLocations: {Unknown(location)}");
            else if (!chosen.TryAdd(provider, location)) errors.Add($"spec.volumeSnapshotLocations: \"{chosen[provider].Metadata.Name}\" and \"{name}\" are both of provider {provider}; name one location a provider");
        }

        var notes = new List<string>();
        var all = await ListAsync(cancellation);
        foreach (var group in all.GroupBy(l => SnapshotProviders.NameOf(l.Spec.Provider)).Where(g => !chosen.ContainsKey(g.Key)).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var preferred = options.DefaultVolumeSnapshotLocations.FirstOrDefault(d => SnapshotProviders.NameOf(d.Key) == group.Key).Value;
            var found = preferred is null ? null : group.FirstOrDefault(l => l.Metadata.Name == preferred);
            if (!providers.Known.Contains(group.Key)) notes.AddRange(group.Select(Unknown));
            else if (found is not null) chosen[group.Key] = found;
            else if (group.Count() == 1) chosen[group.Key] = group.First();
            // Files need no snapshot location, so that one which is missing must not keep them from being backed up.
            else if (spec.SnapshotVolumes == false || (spec.DefaultVolumesToFsBackup == true && spec.SnapshotVolumes != true)) notes.Add(Ambiguous(group.Key, group, preferred) + "; no snapshots are taken of its volumes");
            else errors.Add(Ambiguous(group.Key, group, preferred) + ": name one in spec.volumeSnapshotLocations, or start the controller with "
                + $"--default-volume-snapshot-locations {group.Key}:<location>");
        }

        return new SnapshotChoice([.. chosen.Values], errors, notes);
    }

    /// <summary>Where and with what, with the content of its Secret.</summary>
    /// <exception cref="LocationException">A Secret is missing or malformed.</exception>
    public async Task<SnapshotPlace> DescribeAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        var credentials = location.Spec.Credential is { } entry ? await ReadAsync(location.Metadata.Name ?? "", entry, cancellation) : "";
        return new SnapshotPlace(location.Metadata.Name ?? "", location.Spec.Config ?? new Dictionary<string, string>(), credentials);
    }

    /// <summary>Opens a location of a provider other than <c>csi</c>. The caller disposes what it gets.</summary>
    /// <exception cref="LocationException">The location cannot be used.</exception>
    public async Task<IVolumeSnapshotter> OpenAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        var provider = providers.Find(location.Spec.Provider) ?? throw new LocationException(Unknown(location));
        return provider.Open(await DescribeAsync(location, cancellation));
    }

    /// <summary>Says that the provider of a location is not known, and which are.</summary>
    public string Unknown(VolumeSnapshotLocation location) =>
        $"snapshot location {location.Metadata.Name}: unknown provider \"{location.Spec.Provider}\"; use one of {string.Join(", ", providers.Known)}";

    private static string Ambiguous(string provider, IEnumerable<VolumeSnapshotLocation> locations, string? preferred)
    {
        var names = string.Join(", ", locations.Select(l => l.Metadata.Name).Order(StringComparer.Ordinal));
        return $"provider {provider} has several snapshot locations ({names}) and " + (preferred is null ? "no default" : $"its default \"{preferred}\" is not among them");
    }

    private static VolumeSnapshotLocation? Read(System.Text.Json.Nodes.JsonObject item)
    {
        try
        {
            return item.Deserialize(VeleroJsonContext.Default.VolumeSnapshotLocation);
        }
        catch (JsonException)
        {
            // Its own reconciler says on the object what is malformed; to everybody else it is not usable.
            return null;
        }
    }

    private async Task<IReadOnlyList<VolumeSnapshotLocation>> ListAsync(CancellationToken cancellation)
    {
        var found = new List<VolumeSnapshotLocation>();
        await foreach (var item in cluster.ListAsync(VeleroResources.VolumeSnapshotLocations, options.Namespace, null, cancellation))
        {
            if (Read(item) is { } location) found.Add(location);
        }

        return found;
    }

    private async Task<string> ReadAsync(string location, SecretKeySelector entry, CancellationToken cancellation)
    {
        var where = $"snapshot location {location}: spec.credential names entry {entry.Key} of Secret {entry.Name}";
        var secret = await cluster.GetAsync(KubernetesResources.Secrets, options.Namespace, entry.Name ?? "", cancellation);
        if (secret is null) throw new LocationException($"{where}, which does not exist in namespace {options.Namespace}");
        if (secret.Text("data", entry.Key ?? "") is not { } encoded) throw new LocationException($"{where}, which does not have it");
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
        }
        catch (FormatException)
        {
            throw new LocationException($"{where}, which is no base64");
        }
    }
}
