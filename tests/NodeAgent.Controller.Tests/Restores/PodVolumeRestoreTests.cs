using System.Net;
using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>The requests for volumes that restored pods wait for.</summary>
public sealed class PodVolumeRestoreTests
{
    [Theory]
    [InlineData(PodVolumePhase.Completed, RestorePhase.Completed)]
    [InlineData(PodVolumePhase.InProgress, RestorePhase.Completed)]
    [InlineData(PodVolumePhase.New, RestorePhase.PartiallyFailed)]
    public async Task What_an_agent_works_on_or_has_ended_is_its_own_although_the_pod_is_gone(string phase, string end)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        var looked = 0;
        cluster.Api.Interfere = request =>
        {
            if (!IsLook(request) || Interlocked.Increment(ref looked) != 1) return null;
            var volume = cluster.Api.All(VeleroResources.PodVolumeRestores).Single();
            cluster.Api.Patch(VeleroResources.PodVolumeRestores, "velero", volume.Name(), $$$"""{"status":{"phase":"{{{phase}}}"} }""");
            cluster.Api.Remove(KubernetesResources.Pods, "shop", "web");
            return null;
        };
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        if (phase == PodVolumePhase.InProgress)
        {
            // The restore has looked, and waits for the agent all the same.
            await ControllerFixture.WaitUntilAsync(() => looked > 0);
            await Task.Delay(TimeSpan.FromMilliseconds(500), TestContext.Current.CancellationToken);
            cluster.AgentOutcome = PodVolumePhase.Completed;
        }

        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(end, restore.Text("status", "phase"));
        var result = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Equal(end == RestorePhase.Completed ? PodVolumePhase.Completed : PodVolumePhase.Failed, result.Text("status", "phase"));
        Assert.True(PodVolumeWork.IsFinal(result));
    }

    [Fact]
    public async Task An_agent_that_is_away_for_a_moment_costs_no_volume()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromSeconds(20) });
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.ScheduledNode = "n2";
        var looks = 0;
        cluster.Api.Interfere = request =>
        {
            if (IsLook(request) && Interlocked.Increment(ref looks) == 10)
            {
                cluster.Api.Add(KubernetesResources.Pods, """{"metadata":{"name":"agent-n2","namespace":"velero","labels":{"name":"node-agent"}},"spec":{"nodeName":"n2"},"status":{"phase":"Running"}}""");
                cluster.AgentOutcome = PodVolumePhase.Completed;
            }

            return null;
        };
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
    }

    [Fact]
    public async Task A_volume_that_was_not_restored_is_told_on_its_pod()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = PodVolumePhase.Failed;
        Assert.Equal(RestorePhase.PartiallyFailed, (await cluster.RestoreAsync("r", """{"backupName":"b"}""")).Text("status", "phase"));
        var told = Assert.Single(cluster.Api.All(KubernetesResources.Events), e => e.Text("reason") == "VolumeNotRestored");
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!;
        Assert.Equal(("Pod", "shop", "web", pod.Uid()), (told.Text("involvedObject", "kind"), told.Text("involvedObject", "namespace"), told.Text("involvedObject", "name"), told.Text("involvedObject", "uid")));
        Assert.StartsWith("Volume data was not restored (Failed: ", told.Text("message"), StringComparison.Ordinal);
    }

    /// <summary>All pods of a restore are looked at in one list.</summary>
    private static bool IsLook(HttpRequest request) => request.Method == "GET" && request.Path == "/api/v1/pods" && request.Query["labelSelector"] == "velero.io/restore-name=r";

    [Theory]
    [InlineData("""{"backupName":"b","restorePVs":false}""")]
    [InlineData("""{"backupName":"b","excludedResources":["persistentvolumes"]}""")]
    [InlineData("""{"backupName":"b","excludedResources":["persistentvolumeclaims"]}""")]
    public async Task A_pod_that_waited_for_an_earlier_restore_waits_for_nothing_where_no_volume_is_restored(string spec)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", """{"spec":{"initContainers":[{"name":"restore-wait","image":"i","args":["old"]},{"name":"own","image":"i"},{"name":"restic-wait","image":"i"}]}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", spec);
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(["own"], cluster.Api.Find(KubernetesResources.Pods, "shop", "web").Objects("spec", "initContainers").Select(c => c.Text("name")));
    }

    [Fact]
    public async Task A_claim_that_a_pod_has_for_reading_only_can_be_filled_and_stays_read_only_for_its_containers()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", """
            {"spec":{"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data","readOnly":true} },{"name":"scratch","persistentVolumeClaim":{"claimName":"other","readOnly":true} }],
             "containers":[{"name":"web","image":"i","volumeMounts":[{"name":"data","mountPath":"/a"},{"name":"scratch","mountPath":"/b"}]}]} }
            """);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!;
        Assert.Equal("""{"claimName":"data"}""", pod["spec"]!["volumes"]![0]!["persistentVolumeClaim"]!.ToJsonString());
        Assert.Equal("""{"claimName":"other","readOnly":true}""", pod["spec"]!["volumes"]![1]!["persistentVolumeClaim"]!.ToJsonString());
        Assert.Equal("""[{"name":"data","mountPath":"/a","readOnly":true},{"name":"scratch","mountPath":"/b"}]""", pod["spec"]!["containers"]![0]!["volumeMounts"]!.ToJsonString());
    }

    [Fact]
    public async Task A_volume_that_cannot_be_requested_is_told_with_what_becomes_of_its_pod_and_costs_no_other()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("""{"backup.velero.io/backup-volumes":"data,scratch"}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var asked = 0;
        cluster.Api.Interfere = request => request.Method == "POST" && request.Path == "/apis/velero.io/v1/namespaces/velero/podvolumerestores" && Interlocked.Increment(ref asked) == 1
            ? (HttpStatusCode.UnprocessableEntity, "Invalid") : null;
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.PartiallyFailed, 1L), (restore.Text("status", "phase"), restore.Number("status", "errors")));
        Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Contains(
            "of pod shop/web could not be requested, and the pod waits for it in its init container restore-wait; mend the cause, delete the pod and restore again: ",
            BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"),
            StringComparison.Ordinal);
    }
}
