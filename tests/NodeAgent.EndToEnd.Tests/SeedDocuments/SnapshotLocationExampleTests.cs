using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Snapshots.Aws;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.SeedDocuments;

/// <summary>The examples of Velero's page on locations that are about volume snapshots, with <c>ec2Url</c> and credentials of the test.</summary>
public sealed class SnapshotLocationExampleTests
{
    private const string Keys = "[default]\naws_access_key_id=AKID\naws_secret_access_key=SECRET\n";

    [Fact]
    public async Task Snapshots_of_two_kinds_of_volumes_are_taken_in_one_backup_named_or_not()
    {
        await using var ec2 = new Ec2StandIn(AnswerEc2);
        await using var cluster = await SeedCluster.StartAsync();
        await cluster.CreateDirectoryLocationAsync();
        cluster.AddSecret("cloud-credentials", "cloud", Keys);
        await cluster.RunAsync($"snapshot-location create ebs-us-east-1 --provider aws --config region=us-east-1,ec2Url={ec2.Endpoint} --credential cloud-credentials=cloud");
        await cluster.RunAsync("snapshot-location create portworx-cloud --provider portworx --config type=cloud");

        await cluster.RunAsync("backup create full-cluster-backup --volume-snapshot-locations ebs-us-east-1,portworx-cloud");
        var backup = await cluster.WaitForEndAsync("full-cluster-backup");
        Assert.Equal((BackupPhase.Completed, 2L, 2L), (backup.Text("status", "phase"), backup.Number("status", "volumeSnapshotsAttempted"), backup.Number("status", "volumeSnapshotsCompleted")));
        var taken = Assert.Single(cluster.Portworx.Snapshots.Values);
        Assert.Equal(("px-1", "cloud"), (taken.Volume, taken.Type));
        var asked = Assert.Single(ec2.Requests, r => r.Contains("Action=CreateSnapshot", StringComparison.Ordinal));
        Assert.Contains("VolumeId=vol-1", asked, StringComparison.Ordinal);
        Assert.Contains("/us-east-1/ec2/aws4_request", asked, StringComparison.Ordinal);

        // One location a provider: none needs to be named.
        await cluster.RunAsync("backup create full-cluster-backup-2");
        backup = await cluster.WaitForEndAsync("full-cluster-backup-2");
        Assert.Equal((BackupPhase.Completed, 2L), (backup.Text("status", "phase"), backup.Number("status", "volumeSnapshotsCompleted")));
        Assert.Equal(["ebs-us-east-1", "portworx-cloud"], backup["spec"]!["volumeSnapshotLocations"]!.AsArray().Select(n => n!.GetValue<string>()));
    }

    [Fact]
    public async Task Some_snapshots_stay_in_the_cluster_and_others_go_to_the_cloud_and_one_must_be_named_unless_there_is_a_default()
    {
        await using var cluster = await SeedCluster.StartAsync();
        await cluster.CreateDirectoryLocationAsync();
        await cluster.RunAsync("snapshot-location create portworx-local --provider portworx --config type=local");
        await cluster.RunAsync("snapshot-location create portworx-cloud --provider portworx --config type=cloud");
        await cluster.RunAsync("backup create local-snapshot-backup --volume-snapshot-locations portworx-local");
        await cluster.RunAsync("backup create cloud-snapshot-backup --volume-snapshot-locations portworx-cloud");
        await cluster.RunAsync("backup create neither");
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync("local-snapshot-backup")).Text("status", "phase"));
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync("cloud-snapshot-backup")).Text("status", "phase"));
        Assert.Equal(["cloud-snapshot-backup cloud", "local-snapshot-backup local"], cluster.Portworx.Snapshots.Values.Select(s => $"{s.Tags["velero.io/backup"]} {s.Type}").Order(StringComparer.Ordinal));
        var neither = await cluster.WaitForEndAsync("neither");
        Assert.Equal(BackupPhase.FailedValidation, neither.Text("status", "phase"));
        Assert.Contains("--default-volume-snapshot-locations portworx:<location>", neither["status"]!["validationErrors"]![0]!.GetValue<string>(), StringComparison.Ordinal);

        await using var other = await SeedCluster.StartAsync(new Dictionary<string, string> { ["portworx"] = "portworx-local" });
        await other.CreateDirectoryLocationAsync();
        await other.RunAsync("snapshot-location create portworx-local --provider portworx --config type=local");
        await other.RunAsync("snapshot-location create portworx-cloud --provider portworx --config type=cloud");
        await other.RunAsync("backup create by-default");
        Assert.Equal(BackupPhase.Completed, (await other.WaitForEndAsync("by-default")).Text("status", "phase"));
        Assert.Equal("local", Assert.Single(other.Portworx.Snapshots.Values).Type);
    }

    [Fact]
    public async Task A_snapshot_location_gets_a_credential_of_its_own_at_its_creation_or_later()
    {
        await using var cluster = await SeedCluster.StartAsync();
        await cluster.CreateDirectoryLocationAsync();
        cluster.AddSecret("credentials", "vsl", "one");
        cluster.AddSecret("others", "vsl", "two");
        await cluster.RunAsync("snapshot-location create px --provider portworx --config type=cloud --credential=credentials=vsl");
        await cluster.RunAsync("backup create first");
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync("first")).Text("status", "phase"));
        Assert.All(cluster.Portworx.CredentialsSeen, seen => Assert.Equal("one", seen));
        await cluster.RunAsync("snapshot-location set px --credential=others=vsl");
        await cluster.RunAsync("backup create second");
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync("second")).Text("status", "phase"));
        Assert.Contains("two", cluster.Portworx.CredentialsSeen);
        Assert.Matches("(?m)^px +portworx$", await cluster.RunAsync("snapshot-location get"));
    }

    private static string AnswerEc2(int number, string request) => Ec2StandIn.Answer(200, request switch
    {
        _ when request.Contains("Action=DescribeVolumes", StringComparison.Ordinal) =>
            "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><volumeType>gp3</volumeType></item></volumeSet></DescribeVolumesResponse>",
        _ when request.Contains("Action=CreateSnapshot", StringComparison.Ordinal) => $"<CreateSnapshotResponse><snapshotId>snap-{number}</snapshotId></CreateSnapshotResponse>",
        _ => "<DescribeSnapshotsResponse><snapshotSet/></DescribeSnapshotsResponse>",
    });
}
