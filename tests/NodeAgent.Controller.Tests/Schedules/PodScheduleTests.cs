using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Schedules;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Schedules;

public sealed class PodScheduleTests
{
    private static readonly ResourceKind ReplicaSets = new("apps", "v1", "replicasets", "ReplicaSet");

    [Theory]
    [InlineData("""{"nodeagent.io/schedule":"@every 1h","backup.velero.io/backup-volumes":"data"}""", "data")]
    // Where no pod names volumes, all that can be read are meant.
    [InlineData("""{"nodeagent.io/schedule":"@every 1h"}""", "data,scratch")]
    [InlineData("""{"nodeagent.io/schedule":"@every 1h","backup.velero.io/backup-volumes-excludes":"data"}""", "scratch")]
    public async Task The_volumes_of_a_pod_with_an_expression_are_backed_up_without_a_Schedule(string annotations, string volumes)
    {
        await using var cluster = await StartAsync();
        cluster.AddShop(annotations);
        Age(cluster, KubernetesResources.Pods, "web");
        cluster.Api.Add(KubernetesResources.Pods, """{"metadata":{"name":"other","namespace":"shop"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}""");
        cluster.Api.Add(KubernetesResources.ConfigMaps, """{"metadata":{"name":"c","namespace":"shop"}}""");
        var backup = await OnlyBackupAsync(cluster);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.StartsWith("shop-pod-web-20", backup.Name(), StringComparison.Ordinal);
        Assert.Equal("shop.pod.web", backup.Label(PodSchedules.Label));
        Assert.Equal("720h0m0s", backup.Text("spec", "ttl"));
        Assert.Equal(volumes.Split(','), cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "volume")).Order());
        // The pod and what it needs, and nothing else of its namespace.
        var archive = BackupContents.ReadArchive(cluster.Bucket, backup.Name()).Keys.Where(k => k.Contains("/namespaces/", StringComparison.Ordinal) || k.Contains("/cluster/", StringComparison.Ordinal)).Where(k => !k.Contains("preferredversion", StringComparison.Ordinal));
        Assert.Equal(
            ["resources/namespaces/cluster/shop.json", "resources/persistentvolumeclaims/namespaces/shop/data.json", "resources/persistentvolumes/cluster/pv-data.json", "resources/pods/namespaces/shop/web.json"],
            archive.Order(StringComparer.Ordinal));

        // It can be restored like any other.
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"{{backup.Name()}}"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
    }

    [Fact]
    public async Task The_look_for_expressions_asks_for_metadata_that_the_server_remembers()
    {
        var asked = new ConcurrentQueue<(string Path, string Version, string Fields, string Accept)>();
        await using var api = await TestApiServer.StartAsync();
        api.ServeMore(ReplicaSets);
        api.Interfere = request =>
        {
            asked.Enqueue((request.Path.Value!, request.Query["resourceVersion"].ToString(), request.Query["fieldSelector"].ToString(), request.Headers.Accept.ToString()));
            return null;
        };
        api.Add(KubernetesResources.Pods, """
            {"metadata":{"name":"web","namespace":"shop","annotations":{"nodeagent.io/schedule":"@every 1h","kubectl.kubernetes.io/last-applied-configuration":"long","backup.velero.io/backup-volumes":"data"}},"status":{"phase":"Running"}}
            """);
        api.Add(KubernetesResources.Pods, """{"metadata":{"name":"done","namespace":"shop","annotations":{"nodeagent.io/schedule":"@every 1h"}},"status":{"phase":"Succeeded"}}""");
        using var client = new ApiClient(api.Config);

        var workload = Assert.Single(await ScheduledWorkloads.FindAsync(new ClusterClient(client), TestContext.Current.CancellationToken));

        Assert.Equal("web", workload.Root.Name());
        Assert.Equal(["backup.velero.io/backup-volumes", "nodeagent.io/schedule"], workload.Root.StringMap("metadata", "annotations").Keys.Order(StringComparer.Ordinal));
        Assert.NotEmpty(asked);
        Assert.All(asked, a => Assert.Equal("0", a.Version));
        Assert.All(asked, a => Assert.Contains("as=PartialObjectMetadataList", a.Accept, StringComparison.Ordinal));
        Assert.Equal("status.phase!=Succeeded,status.phase!=Failed", Assert.Single(asked, a => a.Path.EndsWith("/pods", StringComparison.Ordinal)).Fields);
    }

    [Fact]
    public async Task The_pods_of_an_owner_with_an_expression_are_one_backup_named_for_the_owner()
    {
        await using var cluster = await StartAsync();
        cluster.Api.ServeMore(ReplicaSets);
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"web","namespace":"shop","uid":"d","creationTimestamp":"2020-01-01T00:00:00Z","annotations":{"nodeagent.io/schedule":"CRON_TZ=Europe/Berlin 0 3 * * *"}}}""");
        cluster.Api.Add(ReplicaSets, """{"metadata":{"name":"web-1","namespace":"shop","uid":"r","ownerReferences":[{"kind":"Deployment","name":"web","uid":"d","controller":true}]}}""");
        foreach (var pod in new[] { "web-1-b", "web-1-a" })
        {
            cluster.Api.Add(KubernetesResources.Pods, $$$"""
                {"metadata":{"name":"{{{pod}}}","namespace":"shop","annotations":{"backup.velero.io/backup-volumes":"scratch"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-1","uid":"r","controller":true}]},
                 "spec":{"nodeName":"n1","containers":[{"name":"c","volumeMounts":[{"name":"scratch","mountPath":"/s"}]}],"volumes":[{"name":"scratch","emptyDir":{}},{"name":"rest","emptyDir":{}}]},"status":{"phase":"Running"} }
                """);
        }

        var backup = await OnlyBackupAsync(cluster);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.StartsWith("shop-deployment-web-20", backup.Name(), StringComparison.Ordinal);
        Assert.Equal("web-1-a,web-1-b", backup.Annotation("nodeagent.io/pods"));
        Assert.Equal(["web-1-a", "web-1-b"], cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "pod", "name")).Order());
    }

    [Fact]
    public async Task Backups_by_annotation_go_to_the_locations_that_are_named_beside_it()
    {
        await using var cluster = await StartAsync();
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""
            {"metadata":{"name":"west","namespace":"velero","annotations":{"nodeagent.io/pod-schedules":"true"} },"spec":{"provider":"filesystem","config":{"path":"{{cluster.LocationPath}}"},"objectStorage":{"bucket":"plugins"} } }
            """);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "west", LocationPhase.Available);
        cluster.AddShop("""{"nodeagent.io/schedule":"@every 1h","nodeagent.io/storage-locations":"default,west","backup.velero.io/backup-volumes":"data"}""");
        Age(cluster, KubernetesResources.Pods, "web");
        var backup = await OnlyBackupAsync(cluster);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        foreach (var place in new[] { "", "plugins" }) Assert.True(File.Exists(Path.Combine(cluster.LocationPath, place, "backups", backup.Name(), "velero-backup.json")), place);
        Assert.Equal(["default", "west"], cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "backupStorageLocation")).Order());
    }

    [Fact]
    public async Task The_next_backup_waits_for_its_time_counted_from_the_last()
    {
        await using var cluster = await StartAsync();
        cluster.AddShop("""{"nodeagent.io/schedule":"@every 1h"}""");
        Age(cluster, KubernetesResources.Pods, "web");
        var first = await OnlyBackupAsync(cluster);
        // Many looks later there is still one; once that is old, another comes.
        var looks = cluster.Api.Looks();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Looks() > looks + 5);
        Assert.Single(cluster.Api.All(VeleroResources.Backups));
        Age(cluster, VeleroResources.Backups, first.Name(), "velero");
        Forget(cluster);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 2);
    }

    [Fact]
    public async Task A_backup_that_has_expired_is_not_made_again_before_its_time()
    {
        await using var cluster = await StartAsync();
        cluster.AddShop("""{"nodeagent.io/schedule":"@every 1h"}""");
        Age(cluster, KubernetesResources.Pods, "web");
        var first = await OnlyBackupAsync(cluster);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(KubernetesResources.ConfigMaps, "velero", PodScheduleMemory.ConfigMapName).Text("data", "shop.pod.web") is not null);
        cluster.Api.Remove(VeleroResources.Backups, "velero", first.Name());
        var looks = cluster.Api.Looks();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Looks() > looks + 5);
        Assert.Empty(cluster.Api.All(VeleroResources.Backups));
        // Its time comes.
        Forget(cluster);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 1);
    }

    [Fact]
    public async Task Backups_of_another_clusters_pods_are_no_runs_of_these()
    {
        await using var cluster = await StartAsync();
        cluster.Api.Add(VeleroResources.Backups, """
            {"metadata":{"name":"theirs","namespace":"velero","labels":{"nodeagent.io/scheduled-by":"shop.pod.web"},"annotations":{"nodeagent.io/synced-from":"default"}},"spec":{"storageLocation":"default"},"status":{"phase":"Completed"}}
            """);
        cluster.AddShop("""{"nodeagent.io/schedule":"@every 1h"}""");
        Age(cluster, KubernetesResources.Pods, "web");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Any(b => b.Name().StartsWith("shop-pod-web-", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("every night", "\"every night\": ")]
    [InlineData("0 0 30 2 *", "it never comes")]
    public async Task An_expression_that_is_none_is_told_of_by_an_event_on_the_object_once(string expression, string problem)
    {
        await using var cluster = await StartAsync();
        cluster.AddShop($$"""{"nodeagent.io/schedule":"{{expression}}"}""");
        await ControllerFixture.WaitUntilAsync(() => Events(cluster).Count > 0);
        var looks = cluster.Api.Looks();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Looks() > looks + 3);
        var told = Assert.Single(Events(cluster));
        Assert.Equal(("Warning", "BadSchedule", "Pod", "web"), (told.Text("type"), told.Text("reason"), told.Text("involvedObject", "kind"), told.Text("involvedObject", "name")));
        Assert.Contains(problem, told.Text("message"), StringComparison.Ordinal);
        Assert.Empty(cluster.Api.All(VeleroResources.Backups));
    }

    private static IReadOnlyList<JsonObject> Events(ControllerFixture cluster) => [.. cluster.Api.All(KubernetesResources.Events).Where(e => e.Namespace() == "shop")];

    private static Task<ControllerFixture> StartAsync() => ControllerFixture.StartAsync(o => o with { PodScheduleInterval = TimeSpan.FromMilliseconds(100), PodScheduleNamespaces = ["*"] });

    private static void Age(ControllerFixture cluster, ResourceKind kind, string name, string ns = "shop") =>
        cluster.Api.Patch(kind, ns, name, """{"metadata":{"creationTimestamp":"2020-01-01T00:00:00Z"}}""");

    /// <summary>As if what is kept were old.</summary>
    private static void Forget(ControllerFixture cluster) => cluster.Api.Patch(KubernetesResources.ConfigMaps, "velero", PodScheduleMemory.ConfigMapName, """{"data":{"shop.pod.web":"2020-01-01T00:00:00Z"}}""");

    private static async Task<JsonObject> OnlyBackupAsync(ControllerFixture cluster)
    {
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count > 0);
        return await cluster.WaitForEndAsync(VeleroResources.Backups, Assert.Single(cluster.Api.All(VeleroResources.Backups)).Name());
    }
}
