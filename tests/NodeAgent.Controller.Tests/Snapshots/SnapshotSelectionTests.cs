using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

public sealed class SnapshotSelectionTests
{
    [Fact]
    public async Task The_only_location_of_a_provider_is_chosen_by_itself()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("only");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("only", Assert.Single(backup["spec"]!["volumeSnapshotLocations"]!.AsArray())!.GetValue<string>());
        Assert.Equal("only", Assert.Single(storage.Snapshots.Values).Place);
    }

    [Theory]
    [InlineData("""{"volumeSnapshotLocations":["b"]}""", "", "b")]
    [InlineData("{}", "a", "a")]
    [InlineData("""{"volumeSnapshotLocations":["b"]}""", "a", "b")]
    public async Task Of_several_the_named_one_is_taken_or_else_the_default(string spec, string preferred, string expected)
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage, o => preferred.Length == 0 ? o : o with { DefaultVolumeSnapshotLocations = new Dictionary<string, string> { ["velero.io/portworx"] = preferred } });
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("a", config: """{"type":"local"}""");
        cluster.AddSnapshotLocation("b");
        var backup = await cluster.BackUpAsync("one", spec);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(expected, Assert.Single(storage.Snapshots.Values).Place);
    }

    [Theory]
    [InlineData("{}", "", "provider portworx has several snapshot locations (a, b) and no default: name one in spec.volumeSnapshotLocations, or start the controller with --default-volume-snapshot-locations portworx:<location>")]
    [InlineData("""{"snapshotVolumes":true,"defaultVolumesToFsBackup":true}""", "", "several snapshot locations (a, b) and no default")]
    [InlineData("{}", "gone", "several snapshot locations (a, b) and its default \"gone\" is not among them")]
    [InlineData("""{"volumeSnapshotLocations":["a","b"]}""", "", "\"a\" and \"b\" are both of provider portworx; name one location a provider")]
    [InlineData("""{"volumeSnapshotLocations":["gone"]}""", "a", "snapshot location \"gone\" does not exist")]
    [InlineData("""{"volumeSnapshotLocations":["a","odd"]}""", "", "snapshot location odd: unknown provider \"ebs\"; use one of ")]
    public async Task Locations_that_cannot_be_told_fail_the_validation_with_the_way_out(string spec, string preferred, string message)
    {
        await using var cluster = await SnapshotCluster.StartAsync(new SampleStorage(), o => preferred.Length == 0 ? o : o with { DefaultVolumeSnapshotLocations = new Dictionary<string, string> { ["portworx"] = preferred } });
        cluster.AddSnapshotLocation("a");
        cluster.AddSnapshotLocation("b");
        cluster.AddSnapshotLocation("odd", "ebs");
        var backup = await cluster.BackUpAsync("one", spec);
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains(message, Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"includedNamespaces":["shop"],"defaultVolumesToFsBackup":true}""", 1)]
    [InlineData("""{"includedNamespaces":["shop"],"snapshotVolumes":false}""", 0)]
    public async Task A_backup_of_files_or_without_snapshots_demands_no_choice_among_locations(string spec, int volumes)
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddPod("web", "{}", "data");
        cluster.AddSnapshotLocation("a");
        cluster.AddSnapshotLocation("b");
        var backup = await cluster.BackUpAsync("one", spec);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Empty(storage.Snapshots);
        Assert.Equal(volumes, cluster.Api.All(VeleroResources.PodVolumeBackups).Count);
    }

    [Fact]
    public async Task A_volume_whose_provider_has_no_location_falls_back_to_its_files()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddVolume("other", """{"nfs":{"server":"s","path":"/p"}}""");
        cluster.AddVolume("kept-out", """{"nfs":{"server":"s","path":"/q"}}""");
        cluster.AddVolume("labelled", """{"nfs":{"server":"s","path":"/r"}}""", claimLabels: """{"velero.io/exclude-from-backup":"true"}""");
        cluster.AddPod("web", """{"backup.velero.io/backup-volumes-excludes":"kept-out"}""", "data", "other", "kept-out", "labelled");
        cluster.AddSnapshotLocation("only");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("px-data", Assert.Single(storage.Snapshots.Values).Volume);
        Assert.Equal("other", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
        Assert.Contains("since no snapshot location takes the volume", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_any_snapshot_location_volumes_are_left_to_the_annotations_unless_snapshots_are_asked_for()
    {
        await using var cluster = await SnapshotCluster.StartAsync(new SampleStorage());
        cluster.AddVolume("data");
        cluster.AddPod("web", "{}", "data");
        await cluster.BackUpAsync("quiet", """{"includedNamespaces":["shop"]}""");
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
        await cluster.BackUpAsync("asked", """{"includedNamespaces":["shop"],"snapshotVolumes":true}""");
        Assert.Equal("data", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
    }

    [Theory]
    [InlineData("snapshot", "snapshot", """{"snapshotVolumes":false}""")]
    [InlineData("snapshot", "snapshot", """{"defaultVolumesToFsBackup":true}""")]
    [InlineData("fs-backup", "files", "{}")]
    [InlineData("skip", "nothing", "{}")]
    [InlineData("none", "snapshot", "{}")]
    [InlineData("none", "files", """{"defaultVolumesToFsBackup":true}""")]
    [InlineData("none", "nothing", """{"snapshotVolumes":false}""")]
    public async Task A_resource_policy_decides_before_the_settings_of_the_backup(string action, string expected, string more)
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data", claimLabels: """{"tier":"gold"}""");
        cluster.AddPod("web", "{}", "data");
        cluster.AddSnapshotLocation("only");
        if (action != "none")
        {
            cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$$"""
                {"metadata":{"name":"rules","namespace":"velero"},"data":{"rules":"version: v1\nvolumePolicies:\n- conditions: {pvcLabels: {tier: gold}}\n  action: {type: {{{action}}}}"} }
                """);
        }

        var policy = action == "none" ? "" : ""","resourcePolicy":{"kind":"configmap","name":"rules"}""";
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"]{{policy}}{{more.Trim().TrimStart('{').TrimEnd('}').Insert(0, more.Length > 2 ? "," : "")}} }""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(expected == "snapshot" ? 1 : 0, storage.Snapshots.Count);
        Assert.Equal(expected == "files" ? 1 : 0, cluster.Api.All(VeleroResources.PodVolumeBackups).Count);
    }
}
