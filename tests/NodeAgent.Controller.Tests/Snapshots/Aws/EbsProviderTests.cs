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

    [Fact]
    public void Settings_of_Veleros_plugin_are_taken()
    {
        using var snapshotter = Open(new() { ["region"] = "us-east-1", ["profile"] = "default", ["enableSharedConfig"] = "true", ["ebsKmsKeyId"] = "key", ["credentialsFile"] = "/elsewhere" });
        Assert.NotNull(snapshotter);
    }

    [Theory]
    [InlineData("", "false", null, null)]
    // As its snapshot is, with Amazon's own key.
    [InlineData("", "true", "Encrypted=true", null)]
    [InlineData("alias/backup", "false", "Encrypted=true", "KmsKeyId=alias%2Fbackup")]
    [InlineData("alias/backup", "true", "Encrypted=true", "KmsKeyId=alias%2Fbackup")]
    public async Task A_volume_is_encrypted_with_the_key_that_the_location_names_or_as_its_snapshot_is(string key, string encrypted, string? expected, string? expectedKey)
    {
        await using var server = new Ec2StandIn((_, request) => Ec2StandIn.Answer(200, request.Contains("Action=CreateVolume", StringComparison.Ordinal)
            ? "<CreateVolumeResponse><volumeId>vol-new</volumeId></CreateVolumeResponse>"
            : $"<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>snap-1</snapshotId><status>completed</status><encrypted>{encrypted}</encrypted></item></snapshotSet></DescribeSnapshotsResponse>"));
        using var snapshotter = Open(new() { ["region"] = "us-east-1", ["ebsKmsKeyId"] = key, ["ec2Url"] = $"{server.Endpoint}" });
        Assert.Equal("vol-new", await snapshotter.CreateVolumeAsync("snap-1", new VolumeTraits("gp3", null), "us-east-1a", TestContext.Current.CancellationToken));
        var request = server.Requests.Last();
        foreach (var (name, value) in new[] { ("Encrypted=", expected), ("KmsKeyId=", expectedKey) })
        {
            if (value is null) Assert.DoesNotContain(name, request, StringComparison.Ordinal);
            else Assert.Contains(value, request, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_rights_that_the_documentation_asks_for_are_those_of_the_calls_that_are_made()
    {
        var code = File.ReadAllText(Path.Combine(Checkout.Root, "src", "NodeAgent.Controller", "Snapshots", "Aws", "EbsSnapshotter.cs"));
        var row = File.ReadLines(Path.Combine(Checkout.Root, "docs", "velero-compatibility.md")).Single(l => l.StartsWith("| what its keys must be allowed |", StringComparison.Ordinal));
        var called = System.Text.RegularExpressions.Regex.Matches(code, "CallAsync\\(\"(\\w+)\"").Select(m => m.Groups[1].Value);
        // Tags are set by the calls that make things, for which EC2 wants a right of its own.
        Assert.Equal(called.Append("CreateTags").Distinct().Order(StringComparer.Ordinal), System.Text.RegularExpressions.Regex.Matches(row, "`(?:ec2:)?(\\w+)`").Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    private static IVolumeSnapshotter Open(Dictionary<string, string> config) => new EbsProvider().Open(new SnapshotPlace("place", config, Keys));

    private static JsonObject Volume(string source) => new() { ["metadata"] = new JsonObject { ["name"] = "pv" }, ["spec"] = JsonNode.Parse(source) };
}
