using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Stores.Aws;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots.Aws;

/// <summary>Volumes of Amazon's Elastic Block Store, with the settings of Velero's plugin for it.</summary>
internal sealed partial class EbsProvider : ISnapshotProvider
{
    private const string Driver = "ebs.csi.aws.com";

    // Velero's keys, then ours: another address than Amazon's for the region.
    private static readonly string[] Keys = ["region", "profile", "enableSharedConfig", "ebsKmsKeyId", "credentialsFile", "ec2Url"];

    public string Name => "aws";

    public string? VolumeIdOf(JsonObject volume)
    {
        var handle = volume.Text("spec", "csi", "driver") == Driver ? volume.Text("spec", "csi", "volumeHandle") : volume.Text("spec", "awsElasticBlockStore", "volumeID");
        return handle is not null && VolumeId().Match(handle) is { Success: true } match ? match.Value : null;
    }

    public void Assign(JsonObject volume, string volumeId)
    {
        if (volume.At("spec", "csi") is JsonObject csi)
        {
            csi["volumeHandle"] = volumeId;
            return;
        }

        var zone = volume.Label(VolumeZone.FormerLabel);
        volume.Child("spec").Child("awsElasticBlockStore")["volumeID"] = zone is { Length: > 0 } ? $"aws://{zone}/{volumeId}" : volumeId;
    }

    public IVolumeSnapshotter Open(SnapshotPlace place)
    {
        if (place.Config.Keys.Order(StringComparer.Ordinal).FirstOrDefault(k => !Keys.Contains(k)) is { } unknown)
            throw Refused(place, $"config.{unknown} is not known to provider aws; known are {string.Join(", ", Keys.Except(["credentialsFile"]))}");
        if (place.Text("region") is not { Length: > 0 } region) throw Refused(place, "provider aws needs config.region, such as us-east-1");
        if (!Region().IsMatch(region)) throw Refused(place, $"config.region is \"{region}\", which is no name of a region");
        var address = place.Text("ec2Url") is { Length: > 0 } given ? given : string.Create(CultureInfo.InvariantCulture, $"https://ec2.{region}.{DomainOf(region)}/");
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")) throw Refused(place, $"config.ec2Url is \"{address}\" instead of an http or https address");
        try
        {
            var signer = AwsSigner.Find(place.Text("profile"), place.Credentials);
            return new EbsSnapshotter(new Ec2Client(uri, region, signer, TimeProvider.System), place.Text("ebsKmsKeyId"));
        }
        catch (LocationException e)
        {
            throw Refused(place, e.Message);
        }
    }

    private static string DomainOf(string region) => region.StartsWith("cn-", StringComparison.Ordinal) ? "amazonaws.com.cn" : "amazonaws.com";

    private static LocationException Refused(SnapshotPlace place, string why) => new($"snapshot location {place.Name}: {why}");

    [GeneratedRegex("vol-[0-9a-zA-Z-]+")]
    private static partial Regex VolumeId();

    [GeneratedRegex("^[a-z0-9-]+$")]
    private static partial Regex Region();
}
