using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Aws;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Tests.Snapshots.Aws;

public sealed class EbsProviderTests
{
    private const string Keys = "[default]\naws_access_key_id=a\naws_secret_access_key=b";

    [Theory]
    [InlineData("""{"awsElasticBlockStore":{"volumeID":"vol-abc"}}""", "vol-abc")]
    [InlineData("""{"awsElasticBlockStore":{"volumeID":"aws://eu-west-1a/vol-abc"}}""", "vol-abc")]
    [InlineData("""{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"vol-abc"}}""", "vol-abc")]
    [InlineData("""{"csi":{"driver":"efs.csi.aws.com","volumeHandle":"vol-abc"}}""", null)]
    [InlineData("""{"awsElasticBlockStore":{"volumeID":""}}""", null)]
    [InlineData("""{"hostPath":{"path":"/vol-abc"}}""", null)]
    public void A_volume_is_known_by_its_id_however_it_is_written(string source, string? expected) =>
        Assert.Equal(expected, new EbsProvider().VolumeIdOf(Volume(source)));

    [Theory]
    [InlineData("""{"awsElasticBlockStore":{"volumeID":"vol-a","fsType":"ext4"}}""", "{}", """{"awsElasticBlockStore":{"volumeID":"vol-b","fsType":"ext4"}}""")]
    [InlineData("""{"awsElasticBlockStore":{"volumeID":"vol-a"}}""", """{"failure-domain.beta.kubernetes.io/zone":"z"}""", """{"awsElasticBlockStore":{"volumeID":"aws://z/vol-b"}}""")]
    [InlineData("""{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"vol-a"}}""", "{}", """{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"vol-b"}}""")]
    public void Another_volume_takes_its_place(string source, string labels, string expected)
    {
        var volume = Volume(source);
        volume.Child("metadata")["labels"] = JsonNode.Parse(labels);
        new EbsProvider().Assign(volume, "vol-b");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), volume["spec"]), volume.ToJsonString());
    }

    [Theory]
    [InlineData("{}", "provider aws needs config.region")]
    [InlineData("""{"region":"us east"}""", "config.region is \"us east\", which is no name of a region")]
    [InlineData("""{"region":"us-east-1","zone":"a"}""", "config.zone is not known to provider aws; known are region, profile, enableSharedConfig, ebsKmsKeyId, ec2Url")]
    [InlineData("""{"region":"us-east-1","ec2Url":"ftp://x"}""", "config.ec2Url is \"ftp://x\" instead of an http or https address")]
    [InlineData("""{"region":"us-east-1","profile":"nobody"}""", "there is no profile nobody")]
    public void Settings_that_cannot_be_used_are_refused_by_name(string config, string message)
    {
        var e = Assert.Throws<LocationException>(() => new EbsProvider().Open(new SnapshotPlace("place", JsonSerializer.Deserialize<Dictionary<string, string>>(config)!, Keys)));
        Assert.StartsWith("snapshot location place: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    private static JsonObject Volume(string source) => new() { ["metadata"] = new JsonObject { ["name"] = "pv" }, ["spec"] = JsonNode.Parse(source) };
}
