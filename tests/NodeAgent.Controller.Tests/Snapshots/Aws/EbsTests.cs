using System.Text;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots.Aws;

public sealed class EbsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_volume_is_snapshotted_lost_and_restored_and_its_snapshot_deleted_with_the_backup(bool isCsi)
    {
        var volume = await Ec2Server.CreateVolumeAsync("io1", 2000, tag: "shop");
        await using var cluster = await StartAsync();
        var source = isCsi ? $$"""{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"{{volume}}"} }""" : $$"""{"awsElasticBlockStore":{"volumeID":"aws://eu-west-1a/{{volume}}","fsType":"ext4"} }""";
        cluster.AddVolume("data", source, labels: isCsi ? "{}" : """{"failure-domain.beta.kubernetes.io/zone":"eu-west-1a"}""");
        if (isCsi)
        {
            cluster.Api.Patch(KubernetesResources.PersistentVolumes, null, "pv-data", """
                {"spec":{"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.ebs.csi.aws.com/zone","operator":"In","values":["eu-west-1a"]}]}]}}}}
                """);
        }

        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 1L, 1L), (backup.Text("status", "phase"), backup.Number("status", "volumeSnapshotsAttempted"), backup.Number("status", "volumeSnapshotsCompleted")));
        var record = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumesnapshots.json.gz")![0];
        Assert.Equal((volume, "io1", 2000L, "eu-west-1a"), (record.Text("spec", "providerVolumeID"), record.Text("spec", "volumeType"), record.Number("spec", "volumeIOPS"), record.Text("spec", "volumeAZ")));
        var id = record.Text("status", "providerSnapshotID")!;
        var snapshot = await Ec2Server.FindAsync("Snapshot", id);
        Assert.Equal(volume, Ec2Server.Text(snapshot, "volumeId"));
        var tags = Ec2Server.Tags(snapshot);
        // Of the volume's own tags those stay that the backup does not write anew.
        Assert.Equal(("b", "pv-data", "shop", "default"), (tags["velero.io/backup"], tags["velero.io/pv"], tags["team"], tags[VeleroLabels.StorageLocation]));

        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var restored = cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv-data")!;
        var handle = isCsi ? restored.Text("spec", "csi", "volumeHandle")! : restored.Text("spec", "awsElasticBlockStore", "volumeID")!;
        Assert.DoesNotContain(volume, handle, StringComparison.Ordinal);
        if (!isCsi) Assert.StartsWith("aws://eu-west-1a/vol-", handle, StringComparison.Ordinal);
        var made = await Ec2Server.FindAsync("Volume", handle[(handle.LastIndexOf('/') + 1)..]);
        Assert.Equal((id, "eu-west-1a", "io1", "2000"), (Ec2Server.Text(made, "snapshotId"), Ec2Server.Text(made, "availabilityZone"), Ec2Server.Text(made, "volumeType"), Ec2Server.Text(made, "iops")));
        Assert.Equal("shop", Ec2Server.Tags(made)["team"]);

        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Null(await Ec2Server.FindAsync("Snapshot", id));
    }

    [Fact]
    public async Task A_snapshot_that_is_gone_keeps_no_backup_from_being_deleted_and_is_told_of_at_a_restore()
    {
        var volume = await Ec2Server.CreateVolumeAsync();
        await using var cluster = await StartAsync();
        cluster.AddVolume("data", $$"""{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"{{volume}}"} }""", labels: """{"topology.kubernetes.io/zone":"eu-west-1a"}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var id = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumesnapshots.json.gz")![0].Text("status", "providerSnapshotID")!;
        using (var ec2 = Ec2Server.Connect()) await ec2.CallAsync("DeleteSnapshot", [new("SnapshotId", id)], TestContext.Current.CancellationToken);
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Contains($"it could not be made from snapshot {id}: DescribeSnapshots: InvalidSnapshot.NotFound", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
    }

    [Fact]
    public async Task A_snapshot_that_a_killed_controller_had_begun_is_found_by_its_tag_and_removed()
    {
        var volume = await Ec2Server.CreateVolumeAsync();
        await using var cluster = await StartAsync();
        cluster.AddVolume("data", $$"""{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"{{volume}}"} }""", labels: """{"topology.kubernetes.io/zone":"eu-west-1a"}""");
        var ids = new List<string>();
        foreach (var name in new[] { "b", "kept" })
        {
            await cluster.BackUpAsync(name, """{"includedNamespaces":["shop"]}""");
            ids.Add(BackupContents.ReadJson(cluster.Bucket, $"backups/{name}/{name}-volumesnapshots.json.gz")![0].Text("status", "providerSnapshotID")!);
        }

        // As if the controller had died before it wrote anything down.
        Directory.Delete(Path.Combine(cluster.LocationPath, "backups/b"), recursive: true);
        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"phase":"InProgress"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "b", BackupPhase.Failed);
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while (await Ec2Server.FindAsync("Snapshot", ids[0]) is not null) await Task.Delay(100, DateTime.UtcNow < deadline ? TestContext.Current.CancellationToken : throw new TimeoutException("the snapshot is still there after 20 s"));
        Assert.NotNull(await Ec2Server.FindAsync("Snapshot", ids[1]));
    }

    [Fact]
    public async Task A_volume_that_EC2_does_not_have_is_an_error_with_its_words()
    {
        await using var cluster = await StartAsync();
        cluster.AddVolume("data", """{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"vol-0123456789abcdef0"}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L, 0L), (backup.Text("status", "phase"), backup.Number("status", "volumeSnapshotsAttempted"), backup.Number("status", "volumeSnapshotsCompleted")));
        Assert.Contains("snapshot of volume pv-data (vol-0123456789abcdef0) in ebs: DescribeVolumes: InvalidVolume.NotFound", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[default]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wrong", "AuthFailure")]
    [InlineData("stranger", "is not authorized to perform: ec2:DescribeSnapshots")]
    [InlineData("[default]\nregion=x", "profile default holds nothing to sign in with")]
    [InlineData("[other]\naws_access_key_id=a\naws_secret_access_key=b", "there is no profile default")]
    [InlineData("[default]\ncredential_process=/bin/true", "its credentials name a program that prints keys (credential_process); none is run here")]
    public async Task Credentials_that_do_not_do_make_the_location_unavailable_with_the_reason(string credentials, string reason)
    {
        await using var cluster = await StartAsync(credentials == "stranger" ? Ec2Server.Credentials("EC2_STRANGER") : credentials);
        var location = await cluster.WaitForPhaseAsync(VeleroResources.VolumeSnapshotLocations, "ebs", LocationPhase.Unavailable);
        Assert.StartsWith("snapshot location ebs: ", location.Text("status", "message"), StringComparison.Ordinal);
        Assert.Contains(reason, location.Text("status", "message"), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', location.Text("status", "message")!);
    }

    [Fact]
    public async Task Two_locations_in_two_regions_keep_their_snapshots_apart()
    {
        var volume = await Ec2Server.CreateVolumeAsync();
        await using var cluster = await StartAsync();
        cluster.AddSnapshotLocation("elsewhere", "aws", Ec2Server.Config("us-west-2"), ""","credential":{"name":"keys","key":"cloud"}""");
        cluster.AddVolume("data", $$"""{"awsElasticBlockStore":{"volumeID":"{{volume}}"} }""");
        var there = await cluster.BackUpAsync("there", """{"includedNamespaces":["shop"],"volumeSnapshotLocations":["elsewhere"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, there.Text("status", "phase"));
        var here = await cluster.BackUpAsync("here", """{"includedNamespaces":["shop"],"volumeSnapshotLocations":["ebs"]}""");
        Assert.Equal(BackupPhase.Completed, here.Text("status", "phase"));
    }

    private static async Task<ControllerFixture> StartAsync(string? credentials = null)
    {
        var content = Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials ?? Ec2Server.Credentials()));
        var config = Ec2Server.Config();
        var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"keys","namespace":"velero"},"data":{"cloud":"{{{content}}}"} }""");
        cluster.AddSnapshotLocation("ebs", "velero.io/aws", config, ""","credential":{"name":"keys","key":"cloud"}""");
        return cluster;
    }
}
