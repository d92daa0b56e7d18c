using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Snapshots.Aws;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Tests.S3;

namespace NodeAgent.EndToEnd.Tests.SeedDocuments;

/// <summary>The examples of Velero's page on locations that are about backups' files, with <c>s3Url</c> and credentials of the test.</summary>
public sealed class BackupLocationExampleTests
{
    [Fact]
    public async Task Backups_go_to_a_bucket_in_one_of_two_regions_and_the_default_can_be_moved()
    {
        using var east = new FakeS3();
        using var west = new FakeS3();
        await using var cluster = await SeedCluster.StartAsync();
        cluster.AddSecret("cloud-credentials", "cloud", Keys("shared"));
        await cluster.RunAsync($"backup-location create backups-primary --provider aws --bucket velero-backups --config region=us-east-1,s3Url={east.Endpoint} --default --credential cloud-credentials=cloud");
        await cluster.RunAsync($"backup-location create backups-secondary --provider aws --bucket velero-backups --config region=us-west-1,s3Url={west.Endpoint} --credential cloud-credentials=cloud");
        await BackUpAsync(cluster, "full-cluster-backup", "");
        await BackUpAsync(cluster, "full-cluster-alternate-location-backup", "--storage-location backups-secondary");
        await cluster.RunAsync("backup-location set backups-secondary --default");
        await BackUpAsync(cluster, "after-the-default-moved", "");
        Assert.Equal(["full-cluster-backup"], BackupsIn(east));
        Assert.Equal(["after-the-default-moved", "full-cluster-alternate-location-backup"], BackupsIn(west));
        Assert.All(east.Signers, s => Assert.EndsWith("/us-east-1/s3/aws4_request", s, StringComparison.Ordinal));
        Assert.All(west.Signers, s => Assert.EndsWith("/us-west-1/s3/aws4_request", s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_one_location_of_each_kind_nothing_needs_to_be_specified()
    {
        using var bucket = new FakeS3();
        await using var ec2 = new Ec2StandIn((number, request) => Ec2StandIn.Answer(200, request.Contains("Action=DescribeVolumes", StringComparison.Ordinal)
            ? "<r><volumeSet><item><volumeId>vol-1</volumeId><volumeType>gp3</volumeType></item></volumeSet></r>"
            : $"<r><snapshotId>snap-{number}</snapshotId></r>"));
        await using var cluster = await SeedCluster.StartAsync();
        cluster.AddSecret("cloud-credentials", "cloud", Keys("shared"));
        await cluster.RunAsync($"backup-location create backups-primary --provider aws --bucket velero-backups --config region=us-west-1,s3Url={bucket.Endpoint} --default --credential cloud-credentials=cloud");
        await cluster.RunAsync($"snapshot-location create ebs-us-west-1 --provider aws --config region=us-west-1,ec2Url={ec2.Endpoint} --credential cloud-credentials=cloud");
        var backup = await BackUpAsync(cluster, "full-cluster-backup", "");
        Assert.Equal(("backups-primary", "ebs-us-west-1", 1L), (backup.Text("spec", "storageLocation"), backup["spec"]!["volumeSnapshotLocations"]![0]!.GetValue<string>(), backup.Number("status", "volumeSnapshotsCompleted")));
        Assert.Equal(["full-cluster-backup"], BackupsIn(bucket));
    }

    [Fact]
    public async Task A_location_gets_a_credential_of_its_own_at_its_creation_or_later()
    {
        using var bucket = new FakeS3();
        await using var cluster = await SeedCluster.StartAsync();
        cluster.AddSecret("credentials", "bsl", Keys("own"));
        cluster.AddSecret("others", "bsl", Keys("another"));
        await cluster.RunAsync($"backup-location create mine --provider aws --bucket velero-backups --config region=us-east-1,s3Url={bucket.Endpoint} --credential=credentials=bsl");
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "mine", LocationPhase.Available);
        Assert.Matches("(?m)^mine +aws +velero-backups +Available ", await cluster.RunAsync("backup-location get"));
        await cluster.RunAsync("backup-location set --default mine");
        await BackUpAsync(cluster, "first", "");
        Assert.All(bucket.Signers, s => Assert.StartsWith("own/", s, StringComparison.Ordinal));
        await cluster.RunAsync("backup-location set mine --credential=others=bsl");
        await BackUpAsync(cluster, "second", "--storage-location mine");
        Assert.Contains(bucket.Signers, s => s.StartsWith("another/", StringComparison.Ordinal));
        Assert.Equal(["first", "second"], BackupsIn(bucket));
    }

    private static string Keys(string name) => $"[default]\naws_access_key_id={name}\naws_secret_access_key=secret\n";

    private static async Task<System.Text.Json.Nodes.JsonObject> BackUpAsync(SeedCluster cluster, string name, string flags)
    {
        await cluster.RunAsync($"backup create {name} {flags}");
        var backup = await cluster.WaitForEndAsync(name);
        Assert.True(backup.Text("status", "phase") == BackupPhase.Completed, backup["status"]!.ToJsonString());
        return backup;
    }

    private static IEnumerable<string> BackupsIn(FakeS3 bucket) => bucket.Objects.Keys
        .Where(k => k.EndsWith("/velero-backup.json", StringComparison.Ordinal)).Select(k => k.Split('/')[^2]).Order(StringComparer.Ordinal);
}
