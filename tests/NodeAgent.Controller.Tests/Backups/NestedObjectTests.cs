using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class NestedObjectTests
{
    [Fact]
    public async Task Deep_objects_are_backed_up_and_restored_and_one_that_is_too_deep_costs_itself_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"}}""");
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 400)) + "{}" + new string('}', 400);
        var tooDeep = string.Concat(Enumerable.Repeat("{\"a\":", 700)) + "{}" + new string('}', 700);
        cluster.Api.Add(WellKnownTestKinds.Deployments, $$$"""{"metadata":{"name":"bottomless","namespace":"shop"},"spec":{{{tooDeep}}}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, $$$"""{"metadata":{"name":"deep","namespace":"shop"},"spec":{{{deep}}}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"flat","namespace":"shop"},"spec":{}}""");

        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Contains("deployments.apps shop/bottomless: it is not in the backup, since it cannot be read", BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["errors"]!.ToJsonString(), StringComparison.Ordinal);
        var archive = BackupContents.ReadArchive(cluster.Bucket, "b");
        Assert.Contains("resources/deployments.apps/namespaces/shop/flat.json", archive.Keys);

        cluster.Api.Remove(WellKnownTestKinds.Deployments, "shop", "deep");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.Completed, 0L), (restore.Text("status", "phase"), restore.Number("status", "errors")));
        Assert.Contains(deep, cluster.Api.Find(WellKnownTestKinds.Deployments, "shop", "deep")!.ToJsonString(), StringComparison.Ordinal);
    }
}
