using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Locations;

public sealed class LocationTests
{
    [Fact]
    public async Task A_directory_that_can_be_written_is_available_and_one_that_vanishes_is_not()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        Assert.NotNull(location.Text("status", "lastValidationTime"));
        // The proof that it can be written leaves nothing; one may be under way.
        await ControllerFixture.WaitUntilAsync(() => !Directory.EnumerateFileSystemEntries(cluster.LocationPath).Any());
        Directory.Delete(cluster.LocationPath, recursive: true);
        location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        Assert.Contains("does not exist", location.Text("status", "message"), StringComparison.Ordinal);
        Directory.CreateDirectory(cluster.LocationPath);
        location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        Assert.Null(location.Text("status", "message"));
    }

    [Theory]
    [InlineData("""{"provider":"gcp","objectStorage":{"bucket":"b"}}""", "unknown provider \"gcp\": use one of filesystem, aws, azure")]
    [InlineData("""{"provider":"velero.io/azure","objectStorage":{"bucket":"backups"},"config":{"useAAD":"true"}}""", "config.useAAD")]
    [InlineData("""{"provider":"aws","objectStorage":{"bucket":"b"},"config":{"s3url":"http://127.0.0.1:1"}}""", "config.s3url is not known to provider aws")]
    [InlineData("""{"provider":"aws","objectStorage":{"bucket":"b"},"credential":{"name":"gone","key":"cloud"}}""", "spec.credential names entry cloud of Secret gone, which does not exist in namespace velero")]
    [InlineData("""{"provider":"aws","objectStorage":{"bucket":"b","caCert":"QQ==","caCertRef":{"name":"a","key":"b"}}}""", "caCert and caCertRef exclude each other")]
    [InlineData("""{"provider":"aws"}""", "location other: no bucket is named: give it in spec.objectStorage.bucket")]
    [InlineData("""{"provider":"aws","objectStorage":{"bucket":"","prefix":"p"},"config":{"region":"eu-central-1"}}""", "location other: no bucket is named: give it in spec.objectStorage.bucket")]
    [InlineData("""{"provider":"azure","objectStorage":{"bucket":""},"config":{"storageAccount":"account"}}""", "no container is named: give it in spec.objectStorage.bucket")]
    [InlineData("""{"provider":"filesystem"}""", "needs config.path")]
    [InlineData("""{"provider":"filesystem","config":{"path":"relative/place"}}""", "not absolute")]
    [InlineData("""{"provider":"filesystem","config":{"path":"/nonexistent-for-sure"}}""", "does not exist")]
    [InlineData("""{"provider":"filesystem","config":{"path":"/tmp"},"objectStorage":{"bucket":"b","prefix":"../up"}}""", "must not hold \"..\"")]
    [InlineData("""{"provider":"filesystem","config":"/tmp"}""", "malformed at $.spec.config")]
    public async Task A_location_that_cannot_be_used_says_why(string spec, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""{"metadata":{"name":"other","namespace":"velero"},"spec":{{spec}} }""");
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "other", LocationPhase.Unavailable);
        Assert.Contains(message, location.Text("status", "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folders_that_are_no_part_of_a_backup_location_make_it_unavailable()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var name in new[] { "plugins", "lost+found", "photos" }) Directory.CreateDirectory(Path.Combine(cluster.LocationPath, name));
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        Assert.Contains(": photos;", location.Text("status", "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bucket_and_prefix_are_folders_below_the_path()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"objectStorage":{"bucket":"b","prefix":"/p/q/"}}}""");
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", _ => Directory.Exists(Path.Combine(cluster.LocationPath, "b/p/q")));
        await cluster.BackUpAsync("first", """{"includedNamespaces":["shop"]}""");
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "b/p/q/backups/first/velero-backup.json")));
    }

    [Fact]
    public async Task Of_several_defaults_the_newest_is_used_and_none_is_changed()
    {
        await using var cluster = await ControllerFixture.StartAsync(options => options with { StoreValidationFrequency = TimeSpan.FromSeconds(1) });
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""
            {"metadata":{"name":"newer","namespace":"velero","creationTimestamp":"2999-01-01T00:00:00Z"},
             "spec":{"provider":"filesystem","default":true,"config":{"path":"{{cluster.LocationPath}}"},"objectStorage":{"bucket":"plugins"} } }
            """);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "newer", LocationPhase.Available);
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal("newer", backup.Text("spec", "storageLocation"));
        // Each of them says which is used and what to do.
        const string Note = "spec.default is set on 2 locations (default, newer), of which newer, made last, is used; leave it on one";
        foreach (var name in new[] { "default", "newer" }) await cluster.WaitAsync(VeleroResources.BackupStorageLocations, name, l => l.Text("status", "message") == Note);
        Assert.True(cluster.Api.Find(VeleroResources.BackupStorageLocations, "velero", "default").IsTrue("spec", "default"));
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"default":false}}""");
        foreach (var name in new[] { "default", "newer" }) await cluster.WaitAsync(VeleroResources.BackupStorageLocations, name, l => l.Text("status", "message") is null);
    }

    [Fact]
    public async Task Without_a_default_a_backup_that_names_no_location_is_refused_until_one_is_marked()
    {
        await using var cluster = await ControllerFixture.StartAsync(options => options with { DefaultBackupStorageLocation = "none" });
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"default":false}}""");
        var backup = await cluster.BackUpAsync("first");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains("there is no default backup storage location", backup["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"default":true}}""");
        Assert.Equal("default", (await cluster.BackUpAsync("second", """{"includedNamespaces":["shop"]}""")).Text("spec", "storageLocation"));
    }

    [Fact]
    public async Task The_location_with_the_servers_default_name_is_used_when_none_is_marked()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"default":null}}""");
        Assert.Equal("default", (await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""")).Text("spec", "storageLocation"));
    }

    [Fact]
    public async Task The_default_moves_and_later_backups_go_with_it()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("before", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""
            {"metadata":{"name":"west","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{cluster.LocationPath}}"},"objectStorage":{"bucket":"plugins"} } }
            """);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "west", LocationPhase.Available);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"default":false}}""");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "west", """{"spec":{"default":true}}""");
        Assert.Equal("west", (await cluster.BackUpAsync("after", """{"includedNamespaces":["shop"]}""")).Text("spec", "storageLocation"));
        Assert.Equal("default", cluster.Api.Find(VeleroResources.Backups, "velero", "before").Text("spec", "storageLocation"));
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "plugins/backups/after/velero-backup.json")));
    }

    [Fact]
    public async Task A_location_is_looked_at_again_each_time_its_own_period_is_over()
    {
        await using var cluster = await ControllerFixture.StartAsync(options => options with { StoreValidationFrequency = TimeSpan.FromHours(1) });
        var first = (await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available)).Text("status", "lastValidationTime");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"validationFrequency":"1s"}}""");
        var second = (await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "lastValidationTime") != first)).Text("status", "lastValidationTime");
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "lastValidationTime") != second);
    }
}
