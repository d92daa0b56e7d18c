using System.Text.Json.Nodes;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>How backups come and go: schedules, expiry, deletion, synchronisation, and the way into another cluster.</summary>
public sealed class BackupLifeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task A_schedule_makes_backups_that_expire_and_the_newest_is_restored(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync(Shop(shop));
        await cluster.RunAsync("schedule", "create", "often", "--schedule", "@every 1h", "--include-namespaces", shop, "--ttl", "2h", "--use-owner-references-in-backup");
        var schedule = await cluster.WaitForPhaseAsync(VeleroResources.Schedules, "often", SchedulePhase.Enabled);
        // Due at once: the last run is said to be two hours ago.
        await cluster.PatchStatusAsync(VeleroResources.Schedules, SuiteCluster.System, "often", $$"""{"lastBackup":"{{DateTime.UtcNow.AddHours(-2):yyyy-MM-ddTHH:mm:ssZ}}"}""");
        var first = (string)(await BackupsOfAsync(cluster, "often", 1)).Single()["metadata"]!["name"]!;
        Assert.Matches(@"^often-\d{14}$", first);
        var backup = await cluster.WaitForPhaseAsync(VeleroResources.Backups, first, BackupPhase.Completed);
        Assert.Equal((string?)schedule["metadata"]!["uid"], (string?)backup["metadata"]!["ownerReferences"]![0]!["uid"]);

        await cluster.RunToEndAsync("Completed", "backup", "create", "by-hand", "--from-schedule", "often");
        const string Second = "by-hand";
        Assert.Equal(2, (await BackupsOfAsync(cluster, "often", 2)).Count);
        await cluster.RunAsync("schedule", "pause", "often");

        await cluster.PatchAsync(KubernetesResources.ConfigMaps, shop, "settings", """{"data":{"k":"changed"}}""");
        await cluster.RunToEndAsync("Completed", "restore", "create", "newest", "--from-schedule", "often", "--existing-resource-policy", "update");
        Assert.Equal(Second, (string?)(await cluster.GetAsync(VeleroResources.Restores, SuiteCluster.System, "newest"))["spec"]!["backupName"]);
        Assert.Equal("v", (string?)(await cluster.GetAsync(KubernetesResources.ConfigMaps, shop, "settings"))["data"]!["k"]);

        await cluster.PatchStatusAsync(VeleroResources.Backups, SuiteCluster.System, first, """{"expiration":"2020-01-01T00:00:00Z"}""");
        await cluster.WaitAsync(VeleroResources.Backups, SuiteCluster.System, first, "its end", b => b is null);
        Assert.False(Directory.Exists(Path.Combine(cluster.Location, "backups", first)));
        Assert.NotNull(await cluster.FindAsync(VeleroResources.Backups, SuiteCluster.System, Second));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task What_is_in_the_bucket_comes_back_into_the_cluster_and_what_is_gone_goes(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync(Shop(shop));
        foreach (var name in new[] { "one", "two" }) await cluster.RunToEndAsync("Completed", "backup", "create", name, "--include-namespaces", shop);

        await cluster.Api.DeleteAsync(VeleroResources.Backups, SuiteCluster.System, "one", new DeleteOptions(), Cancellation);
        var found = await cluster.WaitForPhaseAsync(VeleroResources.Backups, "one", BackupPhase.Completed);
        Assert.Equal("default", (string?)found["metadata"]!["labels"]!["velero.io/storage-location"]);
        Directory.Delete(Path.Combine(cluster.Location, "backups", "two"), recursive: true);
        await cluster.WaitAsync(VeleroResources.Backups, SuiteCluster.System, "two", "its end", b => b is null);
        await cluster.RunToEndAsync("Completed", "restore", "create", "r", "--from-backup", "one");

        await cluster.RunAsync("backup", "delete", "one", "--confirm");
        await cluster.WaitAsync(VeleroResources.Backups, SuiteCluster.System, "one", "its end", b => b is null);
        await cluster.WaitAsync(VeleroResources.Restores, SuiteCluster.System, "r", "its end", r => r is null);
        Assert.DoesNotContain(Directory.EnumerateFiles(cluster.Location, "*", SearchOption.AllDirectories), f => f.Contains("/backups/", StringComparison.Ordinal) || f.Contains("/restores/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded, ApiServerKind.Real)]
    [InlineData(ApiServerKind.Real, ApiServerKind.Embedded)]
    public async Task Files_and_objects_move_from_one_kind_of_cluster_into_the_other(ApiServerKind from, ApiServerKind to)
    {
        await using var old = await SuiteCluster.StartAsync(from);
        await using var now = await SuiteCluster.StartAsync(to, servers: false);
        var (shop, store) = (old.Name("shop"), now.Name("store"));
        await old.CreateAsync(Shop(shop));
        await old.CreateAsync($$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: {{shop}}, annotations: {backup.velero.io/backup-volumes: data} }
            spec:
              containers: [{name: web, image: "example.com/web:1", volumeMounts: [{name: data, mountPath: /data}]}]
              volumes: [{name: data, emptyDir: { } }]
            """);
        await File.WriteAllTextAsync(Path.Combine(await old.VolumeOfAsync(shop, "web", "data"), "orders.txt"), "three apples", Cancellation);
        await old.RunToEndAsync("Completed", "backup", "create", "move", "--include-namespaces", shop);

        // The key of the repository is all that is carried by hand.
        var key = (await old.GetAsync(KubernetesResources.Secrets, SuiteCluster.System, "velero-repo-credentials"))["data"]!;
        await now.CreateAsync(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = new JsonObject { ["name"] = "velero-repo-credentials", ["namespace"] = SuiteCluster.System }, ["data"] = key.DeepClone() }.ToJsonString());
        await now.StartControllerAsync();
        await now.StartAgentAsync();
        await now.AddLocationAsync(old.Location);
        await now.WaitForPhaseAsync(VeleroResources.Backups, "move", BackupPhase.Completed);
        await now.RunToEndAsync("Completed", "restore", "create", "moved", "--from-backup", "move", "--namespace-mappings", $"{shop}:{store}");
        Assert.Equal("v", (string?)(await now.GetAsync(KubernetesResources.ConfigMaps, store, "settings"))["data"]!["k"]);
        Assert.Equal("three apples", await File.ReadAllTextAsync(Path.Combine(await now.VolumeOfAsync(store, "web", "data"), "orders.txt"), Cancellation));
        Assert.Equal(now.Node, (string?)(await now.GetAsync(KubernetesResources.Pods, store, "web"))["spec"]!["nodeName"]);
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task Of_two_controllers_one_works_and_the_other_takes_over_when_it_stops(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync(Shop(shop));
        var one = await cluster.StartControllerAsync(o => o with { LeaderElection = true });
        await cluster.AddLocationAsync(cluster.Location);
        await using var two = await cluster.StartControllerAsync(o => o with { LeaderElection = true });
        await cluster.RunToEndAsync("Completed", "backup", "create", "by-one", "--include-namespaces", shop);
        var leader = (string?)(await cluster.GetAsync(KubernetesResources.Leases, SuiteCluster.System, "controller.nodeagent.io"))["spec"]!["holderIdentity"];
        await one.DisposeAsync();
        await cluster.RunToEndAsync("Completed", "backup", "create", "by-two", "--include-namespaces", shop);
        Assert.NotEqual(leader, (string?)(await cluster.GetAsync(KubernetesResources.Leases, SuiteCluster.System, "controller.nodeagent.io"))["spec"]!["holderIdentity"]);
    }

    private static async Task<IReadOnlyList<JsonObject>> BackupsOfAsync(SuiteCluster cluster, string schedule, int count)
    {
        for (var began = DateTime.UtcNow; ; await Task.Delay(100, Cancellation))
        {
            var found = new List<JsonObject>();
            await foreach (var backup in cluster.Api.ListAsync(VeleroResources.Backups, SuiteCluster.System, new ListOptions { LabelSelector = $"velero.io/schedule-name={schedule}" }, Cancellation)) found.Add(backup.Json);
            if (found.Count >= count) return found;
            Assert.True(DateTime.UtcNow - began < TimeSpan.FromSeconds(60), $"schedule {schedule} made {found.Count} backups, {count} were due");
        }
    }

    private static string Shop(string ns) => $$"""
        {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{ns}}"} }
        ---
        {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"{{ns}}"},"data":{"k":"v"} }
        """;
}
