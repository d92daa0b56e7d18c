using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Tests.Snapshots;
using NodeAgent.Controller.Tests.Snapshots.Csi;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>Restores that begin while the objects which they bring back are still on their way out of the cluster.</summary>
public sealed class DepartureTests
{
    private const string Claim = "/api/v1/namespaces/shop/persistentvolumeclaims/data";
    private const string Volume = "/api/v1/persistentvolumes/pv-data";
    private const string Going = """{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}""";

    [Fact]
    public async Task A_claim_that_is_still_being_deleted_is_waited_for_and_the_new_one_filled_from_its_snapshot()
    {
        await using var cluster = await WithCsiAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.Api.Patch(KubernetesResources.PersistentVolumeClaims, "shop", "data", Going);
        cluster.Api.Remove(KubernetesResources.PersistentVolumes, null, "pv-data");
        var seen = 0;
        cluster.Api.Interfere = request =>
        {
            // Its pod ends only when the restore has seen it a few times.
            if (request.Path.StartsWithSegments(Claim) && Interlocked.Increment(ref seen) == 3) cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
            return null;
        };
        driver.Stored["snap-1"] = "shop/data";
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        await ControllerFixture.WaitUntilAsync(() => driver.Filled.ContainsKey("shop/data"));
        Assert.Equal("snap-1", driver.Filled["shop/data"]);
    }

    [Fact]
    public async Task A_claim_that_goes_between_two_looks_is_not_made_empty_in_place_of_its_snapshot()
    {
        await using var cluster = await WithCsiAsync();
        await using var driver = new SampleDriver(cluster.Api);
        var seen = 0;
        cluster.Api.Interfere = request =>
        {
            var touchesIt = request.Path.StartsWithSegments(Claim) || (HttpMethods.IsPost(request.Method) && request.Path.StartsWithSegments("/api/v1/namespaces/shop/persistentvolumeclaims"));
            if (touchesIt && Interlocked.Increment(ref seen) == 2) cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
            return null;
        };
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.True(seen >= 2);
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        Assert.Contains("persistentvolumeclaims shop/data: it was deleted while the restore ran; restore again", Results(cluster), StringComparison.Ordinal);
    }

    [Theory]
    // What of the volume's surroundings is there when the restore looks.
    [InlineData("Released", false, false)]
    [InlineData("Bound", false, false)]
    [InlineData("Bound", true, false)]
    [InlineData("Bound", false, true)]
    public async Task A_volume_that_is_about_to_go_is_waited_for_and_made_from_its_snapshot(string phase, bool claimGoes, bool claimIsAnother)
    {
        var storage = new SampleStorage();
        await using var cluster = await WithSnapshotAsync(storage);
        cluster.Api.Patch(KubernetesResources.PersistentVolumes, null, "pv-data", $$$"""{"status":{"phase":"{{{phase}}}"} }""");
        if (claimGoes) cluster.Api.Patch(KubernetesResources.PersistentVolumeClaims, "shop", "data", Going);
        else cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
        if (claimIsAnother) cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop"},"spec":{"volumeName":"pv-data"},"status":{"phase":"Lost"}}""");
        var seen = 0;
        cluster.Api.Interfere = request =>
        {
            if (!request.Path.StartsWithSegments(Volume) || Interlocked.Increment(ref seen) != 3) return null;
            if (!claimIsAnother) cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
            cluster.Api.Remove(KubernetesResources.PersistentVolumes, null, "pv-data");
            return null;
        };
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        var id = Assert.Single(storage.Volumes.Keys);
        Assert.Equal(id, cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv-data").Text("spec", "portworxVolume", "volumeID"));
        Assert.Equal("pv-data", cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data").Text("spec", "volumeName"));
    }

    [Fact]
    public async Task A_released_volume_that_is_kept_is_named_as_what_is_in_the_way()
    {
        var storage = new SampleStorage();
        await using var cluster = await WithSnapshotAsync(storage, reclaim: "Retain");
        cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
        cluster.Api.Patch(KubernetesResources.PersistentVolumes, null, "pv-data", """{"status":{"phase":"Released"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Empty(storage.Volumes);
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        Assert.Contains("persistentvolumes pv-data: it could not be made from snapshot pxs-1: the one in the cluster is kept for a claim that is gone, as its policy Retain says", Results(cluster), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_that_does_not_go_in_time_is_named_with_the_reason()
    {
        var storage = new SampleStorage();
        await using var cluster = await WithSnapshotAsync(storage, TimeSpan.FromMilliseconds(300));
        cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Empty(storage.Volumes);
        Assert.Contains("the one in the cluster is about to go, since its claim shop/data is gone, and has not gone within 300ms; restore again when it is gone", Results(cluster), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_claim_whose_volume_is_about_to_go_and_is_not_restored_gets_a_new_one()
    {
        var storage = new SampleStorage();
        await using var cluster = await WithSnapshotAsync(storage);
        cluster.Api.Remove(KubernetesResources.PersistentVolumeClaims, "shop", "data");
        cluster.Api.Patch(KubernetesResources.PersistentVolumes, null, "pv-data", """{"status":{"phase":"Released"}}""");
        await cluster.RestoreAsync("r", """{"backupName":"b","excludedResources":["persistentvolumes"]}""");
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data")!.Text("spec", "volumeName"));
    }

    private static string Results(ControllerFixture cluster) => BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");

    private static async Task<ControllerFixture> WithCsiAsync()
    {
        var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromSeconds(20) }, start: false);
        cluster.Api.ServeAlso(KubernetesResources.VolumeSnapshots, KubernetesResources.VolumeSnapshotContents, KubernetesResources.VolumeSnapshotClasses);
        cluster.Api.Add(KubernetesResources.VolumeSnapshotClasses, $$$"""{"metadata":{"name":"snapclass"},"driver":"{{{SampleDriver.Name}}}","deletionPolicy":"Delete"}""");
        cluster.AddSnapshotLocation("csi", "csi", "{}");
        cluster.StartController();
        await using (new SampleDriver(cluster.Api))
        {
            cluster.AddVolume("data", $$$"""{"csi":{"driver":"{{{SampleDriver.Name}}}","volumeHandle":"h"} }""");
            Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));
        }

        return cluster;
    }

    private static async Task<ControllerFixture> WithSnapshotAsync(SampleStorage storage, TimeSpan? patience = null, string reclaim = "Delete")
    {
        var cluster = await SnapshotCluster.StartAsync(storage, o => o with { ResourceTimeout = patience ?? TimeSpan.FromSeconds(20) });
        cluster.AddVolume("data", reclaim: reclaim);
        cluster.AddSnapshotLocation("cloud");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));
        return cluster;
    }
}
