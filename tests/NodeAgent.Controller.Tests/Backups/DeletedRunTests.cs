using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class DeletedRunTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Volumes_that_had_ended_are_forgotten_with_a_backup_that_is_deleted_while_it_is_made(bool areCollected)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var (ids, key) = await SampleRepository.MakeAsync(cluster.LocationPath);
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-key":"{{{Convert.ToBase64String(key)}}}"} }""");
        cluster.AgentOutcome = null;
        cluster.AddShop("{}");
        var looks = 0;
        cluster.Api.Interfere = request =>
        {
            if (HttpMethod.Get.Method == request.Method && request.Path == "/apis/velero.io/v1/namespaces/velero/podvolumebackups" && request.Query["watch"] != "true") Interlocked.Increment(ref looks);
            return null;
        };
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"],"defaultVolumesToFsBackup":true}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 2);
        var ended = cluster.Api.All(VeleroResources.PodVolumeBackups).Single(v => v.Text("spec", "volume") == "data");
        cluster.Api.Patch(VeleroResources.PodVolumeBackups, "velero", ended.Name(), $$$"""{"status":{"phase":"Completed","snapshotID":"{{{ids[0]}}}"} }""");
        // It is waited for, and was seen.
        var before = Volatile.Read(ref looks);
        await ControllerFixture.WaitUntilAsync(() => Volatile.Read(ref looks) > before + 3);
        // The cluster removes what a backup owned soon after it.
        if (areCollected) cluster.Api.Remove(VeleroResources.PodVolumeBackups, "velero", ended.Name());
        cluster.Api.Remove(VeleroResources.Backups, "velero", "b");
        await ControllerFixture.WaitUntilAsync(() => !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
        Assert.Equal([$"{ids[1]}"], await SampleRepository.ListAsync(cluster.LocationPath, key));
    }
}
