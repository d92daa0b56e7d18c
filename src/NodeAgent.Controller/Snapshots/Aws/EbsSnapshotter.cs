using System.Globalization;
using System.Xml.Linq;

namespace NodeAgent.Controller.Snapshots.Aws;

/// <summary>Snapshots of EBS volumes at one location. Tags go from the volume to its snapshot and from there to the volume that is made of it.</summary>
internal sealed class EbsSnapshotter(Ec2Client ec2, string kmsKey) : IVolumeSnapshotter
{
    private const string ClusterTag = "kubernetes.io/cluster/";
    private const string FormerClusterTag = "KubernetesCluster";

    // Others have as many operations as their size gives them, and refuse to be told.
    private static readonly string[] TypesWithIops = ["io1", "io2"];

    public async Task CheckAsync(CancellationToken cancellation) =>
        await ec2.CallAsync("DescribeSnapshots", [new("Owner.1", "self"), new("MaxResults", "5")], cancellation);

    public async Task<VolumeTraits> DescribeVolumeAsync(string volumeId, string zone, CancellationToken cancellation)
    {
        var volume = await FindVolumeAsync(volumeId, cancellation);
        var type = Text(volume, "volumeType");
        return new VolumeTraits(type, TypesWithIops.Contains(type) && long.TryParse(Text(volume, "iops"), NumberStyles.None, CultureInfo.InvariantCulture, out var iops) ? iops : null);
    }

    public async Task<string> CreateSnapshotAsync(string volumeId, string zone, IReadOnlyDictionary<string, string> tags, CancellationToken cancellation)
    {
        var volume = await FindVolumeAsync(volumeId, cancellation);
        var all = TagsOf(volume).Where(t => !tags.ContainsKey(t.Key)).Concat(tags);
        var answer = await ec2.CallAsync("CreateSnapshot", [new("VolumeId", volumeId), .. Specify("snapshot", all)], cancellation);
        return Required(answer, "snapshotId", "CreateSnapshot");
    }

    public async Task<IReadOnlyList<string>> FindSnapshotsAsync(string tag, string value, CancellationToken cancellation)
    {
        var found = new List<string>();
        for (var next = ""; ;)
        {
            var parameters = new List<KeyValuePair<string, string>> { new("Owner.1", "self"), new("Filter.1.Name", $"tag:{tag}"), new("Filter.1.Value.1", value), new("MaxResults", "1000") };
            if (next.Length > 0) parameters.Add(new("NextToken", next));
            var answer = await ec2.CallAsync("DescribeSnapshots", parameters, cancellation);
            found.AddRange(Items(answer, "snapshotSet").Select(s => Text(s, "snapshotId")).Where(id => id.Length > 0));
            next = Text(answer, "nextToken");
            if (next.Length == 0) return found;
        }
    }

    public async Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellation)
    {
        try
        {
            await ec2.CallAsync("DeleteSnapshot", [new("SnapshotId", snapshotId)], cancellation);
        }
        catch (Ec2Exception e) when (e.Code == "InvalidSnapshot.NotFound")
        {
            // It is as it should be.
        }
    }

    public async Task<string> CreateVolumeAsync(string snapshotId, VolumeTraits traits, string zone, CancellationToken cancellation)
    {
        if (zone.Length == 0) throw new SnapshotException("the backup does not say in which zone the volume was, and EBS makes none without; was the PersistentVolume without a zone label?");
        var snapshots = Items(await ec2.CallAsync("DescribeSnapshots", [new("SnapshotId.1", snapshotId)], cancellation), "snapshotSet");
        if (snapshots is not [var snapshot]) throw new SnapshotException($"snapshot {snapshotId} does not exist");
        var state = Text(snapshot, "status");
        if (state is "error" or "recoverable") throw new SnapshotException($"snapshot {snapshotId} cannot be used: its state is {state} ({Text(snapshot, "statusMessage")})");
        var parameters = new List<KeyValuePair<string, string>> { new("SnapshotId", snapshotId), new("AvailabilityZone", zone) };
        if (traits.Type.Length > 0) parameters.Add(new("VolumeType", traits.Type));
        if (traits.Iops is { } iops && TypesWithIops.Contains(traits.Type)) parameters.Add(new("Iops", iops.ToString(CultureInfo.InvariantCulture)));
        if (kmsKey.Length > 0) parameters.AddRange([new("Encrypted", "true"), new("KmsKeyId", kmsKey)]);
        else if (Text(snapshot, "encrypted") == "true") parameters.Add(new("Encrypted", "true"));
        // The same request sent again, after an answer that was lost, makes no second volume.
        parameters.Add(new("ClientToken", Guid.NewGuid().ToString()));
        var answer = await ec2.CallAsync("CreateVolume", [.. parameters, .. Specify("volume", ForThisCluster(TagsOf(snapshot)))], cancellation);
        return Required(answer, "volumeId", "CreateVolume");
    }

    public void Dispose() => ec2.Dispose();

    private async Task<XElement> FindVolumeAsync(string volumeId, CancellationToken cancellation) =>
        Items(await ec2.CallAsync("DescribeVolumes", [new("VolumeId.1", volumeId)], cancellation), "volumeSet") is [var volume] ? volume : throw new SnapshotException($"volume {volumeId} does not exist");

    /// <summary>A volume belongs to the cluster that it is restored into, where that is told, whatever cluster it was in.</summary>
    private static IEnumerable<KeyValuePair<string, string>> ForThisCluster(IEnumerable<KeyValuePair<string, string>> tags)
    {
        if (Environment.GetEnvironmentVariable("AWS_CLUSTER_NAME") is not { Length: > 0 } cluster) return tags;
        return tags.Where(t => !t.Key.StartsWith(ClusterTag, StringComparison.Ordinal) && t.Key != FormerClusterTag).Append(new(ClusterTag + cluster, "owned")).Append(new(FormerClusterTag, cluster));
    }

    /// <summary>Tags that begin with <c>aws:</c> are Amazon's own, and nobody else may set them.</summary>
    private static IEnumerable<KeyValuePair<string, string>> TagsOf(XElement item) =>
        Items(item, "tagSet").Select(t => new KeyValuePair<string, string>(Text(t, "key"), Text(t, "value"))).Where(t => !t.Key.StartsWith("aws:", StringComparison.Ordinal));

    private static IEnumerable<KeyValuePair<string, string>> Specify(string resource, IEnumerable<KeyValuePair<string, string>> tags)
    {
        var number = 0;
        foreach (var (key, value) in tags)
        {
            if (number++ == 0) yield return new("TagSpecification.1.ResourceType", resource);
            yield return new($"TagSpecification.1.Tag.{number}.Key", key);
            yield return new($"TagSpecification.1.Tag.{number}.Value", value);
        }
    }

    private static IReadOnlyList<XElement> Items(XElement parent, string set) =>
        [.. parent.Elements().Where(e => e.Name.LocalName == set).SelectMany(s => s.Elements()).Where(e => e.Name.LocalName == "item")];

    private static string Text(XElement parent, string name) => parent.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value ?? "";

    private static string Required(XElement answer, string name, string action) =>
        Text(answer, name) is { Length: > 0 } value ? value : throw new SnapshotException($"{action}: the answer has no {name}");
}
