using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class CollectionTests
{
    private const int Objects = 20;

    [Theory]
    // As the command line sends it; the type may be called otherwise, and blanks do not count.
    [InlineData("pods", "shop/p07,other/p03", "shop/p07,other/p03")]
    [InlineData("pod", " shop/p07 , shop/p02 ", "shop/p07,shop/p02")]
    [InlineData("pods", "shop/p07,shop/p07", "shop/p07")]
    public async Task Objects_that_the_backup_names_come_first_in_their_type_and_the_others_stay_as_they_are(string type, string list, string first)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop","other"],"orderedResources":{"{{type}}":"{{list}}"} }""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        var pods = Order(cluster, "b", "pods");
        var expected = first.Split(',');
        Assert.Equal(expected, pods.Take(expected.Length));
        var usual = Enumerable.Range(0, Objects).SelectMany(i => new[] { $"other/p{i:00}", $"shop/p{i:00}" }).Order(StringComparer.Ordinal);
        Assert.Equal(usual.Except(expected), pods.Skip(expected.Length));
    }

    [Fact]
    public async Task Names_of_an_order_that_are_not_in_the_backup_are_warned_of()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        cluster.Api.Add(WellKnownTestKinds.Nodes, """{"metadata":{"name":"n2"}}""");
        cluster.Api.Add(WellKnownTestKinds.Nodes, """{"metadata":{"name":"n1"}}""");
        var backup = await cluster.BackUpAsync("b", """{"orderedResources":{"pods":"shop/gone","nodes":"n2,n1","unicorns":"x"}}""");
        Assert.Equal((BackupPhase.Completed, 2L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        var warnings = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["warnings"]!.ToJsonString();
        Assert.Contains("pods shop/gone is not among the objects of this backup", warnings, StringComparison.Ordinal);
        Assert.Contains("the cluster serves no type unicorns", warnings, StringComparison.Ordinal);
        Assert.Equal(["n2", "n1"], Order(cluster, "b", "nodes"));
    }

    [Fact]
    public async Task An_order_that_names_a_path_is_refused()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var backup = await cluster.BackUpAsync("b", """{"orderedResources":{"pods":"a/b/c"}}""");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains("\"a/b/c\" of pods is no name and no namespace/name", Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    // One type that two groups serve is one type; of other groups a type of the same name is another.
    [InlineData("daemonsets", "extensions", "daemonsets.extensions")]
    [InlineData("daemonsets", "apps,extensions", "daemonsets.apps")]
    [InlineData("daemonsets", "extensions,apps,example.com", "daemonsets.apps,daemonsets.example.com")]
    [InlineData("deployments", "extensions,apps", "deployments.apps")]
    [InlineData("replicasets", "extensions,apps", "replicasets.apps")]
    [InlineData("networkpolicies", "extensions,networking.k8s.io", "networkpolicies.networking.k8s.io")]
    public async Task A_type_that_two_groups_serve_is_backed_up_once(string type, string groups, string expected)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        var kinds = groups.Split(',').Select(g => new ResourceKind(g, "v1", type, type == "deployments" ? "Deployment" : "Sample")).ToArray();
        cluster.Api.ServeMore(kinds);
        foreach (var kind in kinds) cluster.Api.Add(kind, """{"metadata":{"name":"d","namespace":"shop"}}""");
        cluster.StartController();
        // Each backup begins anew.
        foreach (var name in new[] { "one", "two" })
        {
            Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync(name, """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));
            Assert.Equal(expected.Split(',').Select(e => $"resources/{e}/namespaces/shop/d.json"), BackupContents.ReadArchive(cluster.Bucket, name).Keys.Where(k => k.EndsWith("/namespaces/shop/d.json", StringComparison.Ordinal) && !k.Contains("preferred", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task What_an_object_needs_is_stored_once_and_what_is_marked_or_gone_keeps_nothing_else_out()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var (pod, claim) in new[] { ("a", "shared"), ("b", "shared"), ("c", "marked"), ("d", "absent") })
        {
            cluster.Api.Add(KubernetesResources.Pods, $$$"""{"metadata":{"name":"{{{pod}}}","namespace":"shop"},"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"{{{claim}}}"}}]},"status":{"phase":"Pending"}}""");
        }

        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"shared","namespace":"shop"},"spec":{}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"marked","namespace":"shop","labels":{"velero.io/exclude-from-backup":"true"}},"spec":{}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 1L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        Assert.Contains("persistentvolumeclaims shop/absent is referred to but does not exist", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        var files = BackupContents.ReadArchive(cluster.Bucket, "b").Keys;
        Assert.Equal(["resources/persistentvolumeclaims/namespaces/shop/shared.json"], files.Where(k => k.StartsWith("resources/persistentvolumeclaims/namespaces/", StringComparison.Ordinal)));
        Assert.Equal(4, files.Count(k => k.StartsWith("resources/pods/namespaces/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Two_backups_of_the_same_cluster_hold_their_objects_in_the_same_order()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        for (var i = 0; i < Objects; i++)
        {
            cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"c{{i}}","namespace":"shop"} }""");
            cluster.Api.Add(WellKnownTestKinds.Deployments, $$"""{"metadata":{"name":"d{{i}}","namespace":"other"} }""");
        }

        foreach (var name in new[] { "one", "two" }) await cluster.BackUpAsync(name, """{"includedNamespaces":["shop","other"]}""");
        Assert.Equal(BackupContents.ReadArchive(cluster.Bucket, "one").Keys, BackupContents.ReadArchive(cluster.Bucket, "two").Keys);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_list_whose_state_the_server_forgets_midway_is_begun_anew_and_no_object_comes_twice(int times)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        var left = times;
        cluster.Api.Interfere = request =>
        {
            var goesOn = request.Path.Value!.EndsWith("/shop/pods", StringComparison.Ordinal) && request.Query["continue"].ToString().Length > 0;
            if (!goesOn || Interlocked.Decrement(ref left) < 0) return null;
            // What changes meanwhile is seen by the list that begins anew.
            cluster.Api.Add(KubernetesResources.Pods, $$"""{"metadata":{"name":"a{{left}}","namespace":"shop"},"spec":{"nodeName":"n1"} }""");
            return (HttpStatusCode.Gone, "Expired");
        };
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop","other"]}""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.True(left <= 0);
        // ReadArchive fails on a path that comes twice.
        var pods = Order(cluster, "b", "pods");
        Assert.Equal((2 * Objects) + times, pods.Count);
        Assert.Equal(times, pods.Count(p => p.StartsWith("shop/a", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_list_whose_state_is_forgotten_every_time_is_read_across_states_and_never_in_one_piece()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        var isWhole = false;
        cluster.Api.Interfere = request =>
        {
            if (!request.Path.Value!.EndsWith("/shop/pods", StringComparison.Ordinal)) return null;
            if (!request.Query.ContainsKey("limit")) isWhole = true;
            return request.Query["continue"].ToString() is { Length: > 0 } token && !token.StartsWith(TestApiServer.NewestState, StringComparison.Ordinal) ? (HttpStatusCode.Gone, "Expired") : null;
        };
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Equal(Objects, Order(cluster, "b", "pods").Count);
        Assert.False(isWhole);
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError, "InternalError", 2)]
    [InlineData(HttpStatusCode.TooManyRequests, "TooManyRequests", 2)]
    [InlineData(HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", 2)]
    public async Task A_page_that_the_server_fails_to_give_is_asked_for_again(HttpStatusCode status, string reason, int times)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        var left = times;
        cluster.Api.Interfere = request =>
            request.Path.Value!.EndsWith("/shop/pods", StringComparison.Ordinal) && request.Query.ContainsKey("continue") && Interlocked.Decrement(ref left) >= 0 ? (status, reason) : null;
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Equal(Objects, Order(cluster, "b", "pods").Count);
    }

    [Fact]
    public async Task A_type_that_cannot_be_listed_is_one_error_and_the_others_are_in_the_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPods(cluster);
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"c","namespace":"shop"}}""");
        cluster.Api.Interfere = request => request.Path.Value!.EndsWith("/shop/configmaps", StringComparison.Ordinal) ? (HttpStatusCode.Forbidden, "Forbidden") : null;
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Contains("listing configmaps", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        Assert.Equal(Objects, Order(cluster, "b", "pods").Count);
    }

    [Fact]
    public async Task Snapshots_that_no_backup_made_are_left_out()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var kind = new ResourceKind("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot");
        cluster.Api.ServeMore(kind);
        cluster.Api.Add(kind, """{"metadata":{"name":"mine","namespace":"shop"}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.DoesNotContain(BackupContents.ReadArchive(cluster.Bucket, "b").Keys, k => k.Contains("mine", StringComparison.Ordinal));
    }

    private static void AddPods(ControllerFixture cluster)
    {
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"other"},"status":{"phase":"Active"}}""");
        for (var i = 0; i < Objects; i++)
        {
            cluster.Api.Add(KubernetesResources.Pods, $$"""{"metadata":{"name":"p{{i:00}}","namespace":"shop"},"spec":{"nodeName":"n1"} }""");
            cluster.Api.Add(KubernetesResources.Pods, $$"""{"metadata":{"name":"p{{i:00}}","namespace":"other"},"spec":{"nodeName":"n1"} }""");
        }
    }

    /// <summary>The objects of a type in the order in which the archive has them.</summary>
    private static List<string> Order(ControllerFixture cluster, string backup, string type) =>
        [.. BackupContents.ReadArchive(cluster.Bucket, backup).Keys
            .Where(k => k.StartsWith($"resources/{type}/namespaces/", StringComparison.Ordinal) || k.StartsWith($"resources/{type}/cluster/", StringComparison.Ordinal))
            .Select(k => k.Split('/')[^2] is "cluster" ? Path.GetFileNameWithoutExtension(k) : $"{k.Split('/')[^2]}/{Path.GetFileNameWithoutExtension(k)}")];
}
