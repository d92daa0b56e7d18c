using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class ApiVersionTests
{
    private const string Plain = "resources/deployments.apps/namespaces/shop/d.json";
    private const string Preferred = "resources/deployments.apps/v1-preferredversion/namespaces/shop/d.json";
    private const string Other = "resources/deployments.apps/v1beta1/namespaces/shop/d.json";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Objects_are_stored_in_the_preferred_version_and_on_demand_in_all_that_are_served(bool all)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { AllApiVersions = all });
        cluster.Api.ServeMore(WellKnownTestKinds.Deployments with { Version = "v1beta1" });
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"left","namespace":"shop","labels":{"velero.io/exclude-from-backup":"true"}}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, "1.1.0"), (backup.Text("status", "phase"), backup.Text("status", "formatVersion")));

        var archive = BackupContents.ReadArchive(cluster.Bucket, "b");
        Assert.Equal(all ? [Plain, Preferred, Other] : [Plain, Preferred], archive.Keys.Where(k => k.StartsWith("resources/deployments", StringComparison.Ordinal)));
        Assert.Equal(archive[Plain], archive[Preferred]);
        Assert.Equal("apps/v1", JsonNode.Parse(archive[Plain]).Text("apiVersion"));
        var list = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-resource-list.json.gz")!;
        Assert.Equal("""["shop/d"]""", list["apps/v1/Deployment"]!.ToJsonString());
        Assert.Equal(all ? """["shop/d"]""" : null, list["apps/v1beta1/Deployment"]?.ToJsonString());
        if (all) Assert.Equal("apps/v1beta1", JsonNode.Parse(archive[Other]).Text("apiVersion"));
        // Each version counts, as each is stored.
        Assert.Equal(all ? 3 : 2, backup.Number("status", "progress", "itemsBackedUp"));
    }

    [Fact]
    public async Task A_backup_in_all_versions_can_be_restored()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { AllApiVersions = true });
        cluster.Api.ServeMore(WellKnownTestKinds.Deployments with { Version = "v1beta1" });
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(WellKnownTestKinds.Deployments, "shop", "d");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.Deployments, "shop", "d"));
    }
}
