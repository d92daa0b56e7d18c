using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots.Csi;

public sealed class CsiRestoreSweepTests
{
    private const string Labels = """{"nodeagent.io/made-for":"restore","velero.io/restore-uid":"r-uid"}""";

    [Fact]
    public async Task The_objects_through_which_a_claim_was_filled_go_and_the_snapshot_stays()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", $$$"""{"csi":{"driver":"{{{SampleDriver.Name}}}","volumeHandle":"h"} }""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("r", """{"backupName":"b"}""")).Text("status", "phase"));
        await ControllerFixture.WaitUntilAsync(() => driver.Filled.ContainsKey("shop/data"));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.VolumeSnapshots).Count == 0 && cluster.Api.All(KubernetesResources.VolumeSnapshotContents).Count == 0);
        Assert.Contains("snap-1", driver.Stored.Keys);
    }

    [Theory]
    // The claim, whether the restore still runs, the policy of the content, and whether the objects go.
    [InlineData("filled", true, "Retain", true)]
    [InlineData("filled", false, "Delete", false)]
    [InlineData("pending", false, "Retain", false)]
    [InlineData("gone", false, "Retain", true)]
    [InlineData("gone", true, "Retain", false)]
    [InlineData("another", false, "Retain", true)]
    public async Task They_go_when_nobody_needs_them_any_more_and_no_earlier(string claim, bool runs, string policy, bool go)
    {
        await using var cluster = await StartAsync(start: false);
        cluster.Api.Add(VeleroResources.Restores, $$$"""{"metadata":{"name":"r","namespace":"velero","uid":"r-uid"},"spec":{"backupName":"b"},"status":{"phase":"{{{(runs ? "InProgress" : "Completed")}}}"} }""");
        // A restore whose controller is gone would be ended.
        if (runs) cluster.Api.Interfere = request => request.Path.Value!.EndsWith("/restores/r/status", StringComparison.Ordinal) ? (System.Net.HttpStatusCode.ServiceUnavailable, "Busy") : null;
        Add("s", policy);
        if (claim != "gone") AddClaim("data", claim == "another" ? "other" : "s", claim == "pending" ? "Pending" : "Bound");
        // One that is sure to go, after which the first has been looked at as well.
        Add("z", "Retain");
        AddClaim("z", "z", "Bound");
        cluster.StartController();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "z") is null);
        Assert.Equal(go, cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "s") is null);
        Assert.Equal(go, cluster.Api.Find(KubernetesResources.VolumeSnapshotContents, null, "s") is null);
        Assert.NotNull(cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "of-a-user"));

        void Add(string name, string deletionPolicy)
        {
            cluster.Api.Add(KubernetesResources.VolumeSnapshotContents, $$$"""{"metadata":{"name":"{{{name}}}","labels":{{{Labels}}} },"spec":{"deletionPolicy":"{{{deletionPolicy}}}"} }""");
            cluster.Api.Add(KubernetesResources.VolumeSnapshots, $$$"""
                {"metadata":{"name":"{{{name}}}","namespace":"shop","labels":{{{Labels}}},"annotations":{"nodeagent.io/claim":"{{{(name == "s" ? "data" : name)}}}"} },"spec":{"source":{"volumeSnapshotContentName":"{{{name}}}"} } }
                """);
        }

        void AddClaim(string name, string source, string phase) => cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"shop"},"spec":{"dataSource":{"apiGroup":"snapshot.storage.k8s.io","kind":"VolumeSnapshot","name":"{{{source}}}"} },"status":{"phase":"{{{phase}}}"} }
            """);
    }

    private static async Task<ControllerFixture> StartAsync(bool start = true)
    {
        var cluster = await ControllerFixture.StartAsync(o => o with { SnapshotSweepInterval = TimeSpan.FromMilliseconds(100), ResourceTimeout = TimeSpan.FromSeconds(20) }, start: false);
        cluster.Api.ServeAlso(KubernetesResources.VolumeSnapshots, KubernetesResources.VolumeSnapshotContents, KubernetesResources.VolumeSnapshotClasses);
        cluster.Api.Add(KubernetesResources.VolumeSnapshotClasses, $$$"""{"metadata":{"name":"snapclass"},"driver":"{{{SampleDriver.Name}}}","deletionPolicy":"Delete"}""");
        cluster.Api.Add(KubernetesResources.VolumeSnapshots, """{"metadata":{"name":"of-a-user","namespace":"shop"},"spec":{"source":{"persistentVolumeClaimName":"data"}}}""");
        if (!start) return cluster;
        cluster.Api.Remove(KubernetesResources.VolumeSnapshots, "shop", "of-a-user");
        cluster.AddSnapshotLocation("csi", "csi", "{}");
        cluster.StartController();
        return cluster;
    }
}
