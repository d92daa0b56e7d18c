using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores.Versions;

public sealed class VersionRestoreTests
{
    private static readonly ResourceKind Bands = new("music.example.io", "v1", "rockbands", "RockBand");

    [Theory]
    // The cluster serves these, the first preferred; the backup has v1 (preferred), v2beta1 and v2beta2.
    [InlineData("v1", "", "v1")]
    [InlineData("v2beta2,v1", "", "v2beta2")]
    [InlineData("v3,v1", "", "v1")]
    [InlineData("v3,v2beta1,v2beta2", "", "v2beta2")]
    [InlineData("v1,v2beta1,v2beta2", "rockbands.music.example.io=v2beta1,v1", "v2beta1")]
    [InlineData("v1,v2beta2", "rockbands.music.example.io=v2beta1,v2beta2", "v2beta2")]
    [InlineData("v1,v2beta2", "orchestras.music.example.io=v2beta2", "v1")]
    public async Task Of_several_versions_in_the_backup_the_one_is_restored_that_user_and_clusters_agree_on(string served, string wanted, string expected)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await WriteBandsAsync(cluster, "v1", "v2beta1", "v2beta2");
        cluster.Api.ServeMore([.. served.Split(',').Select(v => Bands with { Version = v })]);
        if (wanted.Length > 0) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$$"""{"metadata":{"name":"enableapigroupversions","namespace":"velero"},"data":{"restoreResourcesVersionPriority":"{{{wanted}}}"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var band = cluster.Api.Find(Bands, "shop", "queen")!;
        Assert.Equal(expected, band.Text("spec", "was"));
        Assert.Contains($"POST /apis/music.example.io/{expected}/namespaces/shop/rockbands", cluster.Api.Writes);
    }

    [Fact]
    public async Task Without_a_common_version_one_message_names_the_type_its_versions_and_its_objects()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await WriteBandsAsync(cluster, "v1", "v2beta1");
        cluster.Api.ServeMore(Bands with { Version = "v4" }, Bands with { Version = "v3" });
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(1, restore.Number("status", "errors"));
        Assert.Contains(
            "rockbands.music.example.io shop/abba, shop/kiss, shop/muse and 1 more: not restored: the cluster serves it as music.example.io/v4, music.example.io/v3, not as the backup has it (v1, v2beta1)",
            BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        Assert.Contains("shop/queen(failed)", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-resource-list.json.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_the_cluster_does_not_have_is_one_warning_for_all_its_objects()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await WriteBandsAsync(cluster, "v1");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(1, restore.Number("status", "warnings"));
        Assert.Contains("and 1 more: not restored: the cluster does not serve music.example.io/v1 RockBand", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Custom_resources_whose_definition_is_not_established_in_time_are_named_with_that_reason()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromMilliseconds(300) });
        // Nobody in this server establishes definitions.
        cluster.Api.Add(KubernetesResources.CustomResourceDefinitions, """{"metadata":{"name":"rockbands.music.example.io"},"spec":{"versions":[{"name":"v1","served":true}]}}""");
        await WriteBandsAsync(cluster, "v1");
        cluster.Api.Remove(KubernetesResources.CustomResourceDefinitions, null, "rockbands.music.example.io");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        var results = BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");
        Assert.Contains("resource definition rockbands.music.example.io was not established within 300ms", results, StringComparison.Ordinal);
        Assert.Contains("its definition was not established in time, so that the cluster does not serve music.example.io/v1 RockBand", results, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_definition_that_is_established_before_discovery_tells_of_it_is_waited_for()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.CustomResourceDefinitions, """{"metadata":{"name":"rockbands.music.example.io"},"spec":{"versions":[{"name":"v1","served":true}]}}""");
        await WriteBandsAsync(cluster, "v1");
        cluster.Api.Remove(KubernetesResources.CustomResourceDefinitions, null, "rockbands.music.example.io");
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(KubernetesResources.CustomResourceDefinitions, null, "rockbands.music.example.io") is not null);
        cluster.Api.Patch(KubernetesResources.CustomResourceDefinitions, null, "rockbands.music.example.io", """{"status":{"conditions":[{"type":"Established","status":"True"}]}}""");
        await Task.Delay(200, TestContext.Current.CancellationToken);
        cluster.Api.ServeMore(Bands);
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(Bands, "shop", "queen"));
    }

    [Fact]
    public async Task A_line_of_the_users_list_that_says_nothing_is_a_warning()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"enableapigroupversions","namespace":"velero"},"data":{"restoreResourcesVersionPriority":"rockbands v1"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(1, restore.Number("status", "warnings"));
        Assert.Contains("enableapigroupversions", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
    }

    /// <summary>A backup that holds four bands in each of the versions, the first of them preferred, as Velero stores them.</summary>
    private static async Task WriteBandsAsync(ControllerFixture cluster, params string[] versions)
    {
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"includeClusterResources":true}""");
        var entries = new Dictionary<string, string>(BackupContents.ReadArchive(cluster.Bucket, "b"));
        foreach (var name in new[] { "queen", "abba", "kiss", "muse" })
        {
            foreach (var version in versions)
            {
                var json = $$$"""{"apiVersion":"music.example.io/{{{version}}}","kind":"RockBand","metadata":{"name":"{{{name}}}","namespace":"shop"},"spec":{"was":"{{{version}}}"}}""";
                var preferred = version == versions[0];
                entries[$"resources/rockbands.music.example.io/{version}{(preferred ? "-preferredversion" : "")}/namespaces/shop/{name}.json"] = json;
                if (preferred) entries[$"resources/rockbands.music.example.io/namespaces/shop/{name}.json"] = json;
            }
        }

        BackupContents.WriteArchive(cluster.Bucket, "b", entries);
    }
}
