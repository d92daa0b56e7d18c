using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

/// <summary>Objects are taken in blocks, each an object and what it needs: several at once, and each one by one.</summary>
public sealed class ItemBlockTests
{
    private const int Blocks = 4;
    private const int ClaimsOfEach = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public async Task Blocks_are_under_way_at_the_same_time_and_the_items_of_one_never_are(int workers)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ItemBlockWorkers = workers });
        AddBlocks(cluster);
        var underWay = new ConcurrentDictionary<int, int>();
        var seen = new ConcurrentDictionary<int, bool>();
        using var two = new CountdownEvent(2);
        var (most, sameBlock, haveMet) = (0, 0, false);
        var gate = new Lock();
        cluster.Api.Interfere = request =>
        {
            if (BlockOf(request) is not { } block) return null;
            lock (gate)
            {
                if (underWay.AddOrUpdate(block, 1, (_, n) => n + 1) > 1) sameBlock++;
                most = Math.Max(most, underWay.Values.Count(n => n > 0));
            }

            // The first request of a block is held until another block has one, which with one worker never comes.
            if (seen.TryAdd(block, true) && !two.IsSet) two.Signal();
            if (workers > 1 && two.Wait(Patience, TestContext.Current.CancellationToken)) haveMet = true;
            lock (gate) underWay[block]--;
            return null;
        };
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Interfere = null;
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        Assert.Equal(0, sameBlock);
        Assert.Equal(workers > 1, haveMet);
        Assert.InRange(most, Math.Min(workers, 2), Math.Min(workers, Blocks));
        Assert.Equal(Blocks * ClaimsOfEach, cluster.Api.All(VeleroResources.PodVolumeBackups).Count);
        var types = BackupContents.ReadArchive(cluster.Bucket, "b").Keys.Where(k => !k.Contains("preferredversion", StringComparison.Ordinal)).CountBy(k => k.Split('/')[1]).ToDictionary();
        Assert.Equal((Blocks, Blocks * ClaimsOfEach, Blocks * ClaimsOfEach), (types["pods"], types["persistentvolumeclaims"], types["persistentvolumes"]));
    }

    [Fact]
    public async Task An_error_about_one_item_is_told_and_the_other_blocks_are_whole()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ItemBlockWorkers = 3 });
        AddBlocks(cluster);
        cluster.Api.Interfere = request => request.Path.Value!.EndsWith("/persistentvolumeclaims/b1-0", StringComparison.Ordinal) ? (HttpStatusCode.Forbidden, "Forbidden") : null;
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        var errors = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["errors"]!["namespaces"]!["shop"]!.AsArray().Select(e => e!.GetValue<string>()).ToList();
        Assert.NotEmpty(errors);
        Assert.All(errors, e => Assert.True(e.Contains("b1", StringComparison.Ordinal), e));
        Assert.Equal(Blocks, BackupContents.ReadArchive(cluster.Bucket, "b").Keys.Count(k => k.StartsWith("resources/pods/namespaces/", StringComparison.Ordinal)));
        var volumes = cluster.Api.All(VeleroResources.PodVolumeBackups).CountBy(v => v.Text("spec", "pod", "name")!).ToDictionary();
        Assert.All(["b0", "b2", "b3"], pod => Assert.Equal(ClaimsOfEach, volumes[pod]));
    }

    [Fact]
    public async Task A_backup_that_is_cancelled_while_several_blocks_are_under_way_ends_with_the_reason_and_asks_for_nothing_more()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ItemBlockWorkers = 3 });
        AddBlocks(cluster);
        using var release = new ManualResetEventSlim();
        using var three = new CountdownEvent(3);
        var asked = 0;
        cluster.Api.Interfere = request =>
        {
            if (BlockOf(request) is null) return null;
            Interlocked.Increment(ref asked);
            if (!three.IsSet) three.Signal();
            release.Wait(Patience);
            return null;
        };
        try
        {
            cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
            Assert.True(await Task.Run(() => three.Wait(Patience), TestContext.Current.CancellationToken));
            cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"metadata":{"annotations":{"nodeagent.io/cancel-requested":"enough"}}}""");
            var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
            Assert.Equal((BackupPhase.Failed, "the backup was cancelled: enough"), (backup.Text("status", "phase"), backup.Text("status", "failureReason")));
            Assert.Equal(3, asked);
            Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
        }
        finally
        {
            release.Set();
        }
    }

    [Fact]
    public async Task What_the_backup_wants_first_is_taken_one_by_one_before_others_of_its_type_begin()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ItemBlockWorkers = 8 });
        AddBlocks(cluster);
        for (var i = 0; i < 20; i++) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"c{{i:00}}","namespace":"shop"} }""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"orderedResources":{"pods":"shop/b3,shop/b1","configmaps":"shop/c17,shop/c05,shop/c11"}}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(["b3", "b1"], Names("pods").Take(2));
        Assert.Equal(["c17", "c05", "c11"], Names("configmaps").Take(3));
        Assert.Equal(20, Names("configmaps").Count);

        List<string> Names(string type) =>
            [.. BackupContents.ReadArchive(cluster.Bucket, "b").Keys.Where(k => k.StartsWith($"resources/{type}/namespaces/shop/", StringComparison.Ordinal)).Select(k => Path.GetFileNameWithoutExtension(k))];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Pods_that_share_a_volume_all_hold_still_before_it_is_taken_and_go_on_after_it_was(int workers)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ItemBlockWorkers = workers });
        AddClaim(cluster, "shared");
        foreach (var pod in new[] { "one", "two", "three" }) AddPod(cluster, pod, ["shared"], ""","pre.hook.backup.velero.io/command":"freeze","pre.hook.backup.velero.io/on-error":"Continue","post.hook.backup.velero.io/command":"thaw","post.hook.backup.velero.io/on-error":"Continue" """);
        cluster.AgentOutcome = null;
        var events = new ConcurrentQueue<string>();
        cluster.Api.Interfere = request =>
        {
            if (request.Path.Value!.EndsWith("/exec", StringComparison.Ordinal)) events.Enqueue($"{request.Query["command"]} {(cluster.Api.All(VeleroResources.PodVolumeBackups).All(v => v.Text("status", "phase") == PodVolumePhase.Completed) ? "while nothing runs" : "while a volume is read")}");
            else if (request.Method == "POST" && request.Path.Value.EndsWith("/podvolumebackups", StringComparison.Ordinal)) events.Enqueue("volume");
            else return null;
            return request.Path.Value.EndsWith("/exec", StringComparison.Ordinal) ? (HttpStatusCode.BadRequest, "BadRequest") : null;
        };
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        const string Freeze = "freeze while nothing runs";
        const string Thaw = "thaw while nothing runs";
        Assert.Equal([Freeze, Freeze, Freeze, "volume", Thaw, Thaw, Thaw], events);
    }

    [Fact]
    public void Pods_belong_together_when_they_share_a_claim_of_their_namespace_directly_or_through_others()
    {
        var groups = new PodGroups();
        foreach (var (ns, claims) in (ReadOnlySpan<(string, string)>)[("a", "x"), ("b", "x"), ("a", "y"), ("a", "z"), ("a", "y z"), ("a", ""), ("a", "x w"), ("a", "w")])
        {
            groups.Add((JsonObject)JsonNode.Parse(Pod("p", claims.Split(' ', StringSplitOptions.RemoveEmptyEntries), "", ns))!);
        }

        Assert.Equal(["0 6 7", "1", "2 3 4", "5"], groups.ToBlocks().Select(b => string.Join(' ', b)));
        groups.JoinFirst(2);
        Assert.Equal(["0 1 6 7", "2 3 4", "5"], groups.ToBlocks().Select(b => string.Join(' ', b)));
    }

    [Fact]
    public async Task A_block_that_fails_as_a_whole_ends_the_others_and_is_what_the_caller_is_told()
    {
        using var run = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        await using var workers = new BlockWorkers(2, run);
        var other = await workers.StartAsync(token => Task.Delay(Timeout.Infinite, token));
        await workers.StartAsync(_ => throw new IOException("the disk is full"));
        await other.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal("the disk is full", (await Assert.ThrowsAsync<IOException>(() => workers.StartAsync(_ => Task.CompletedTask))).Message);
        Assert.Equal("the disk is full", (await Assert.ThrowsAsync<IOException>(workers.FinishAsync)).Message);
        Assert.True(run.IsCancellationRequested);
    }

    private static int? BlockOf(HttpRequest request)
    {
        var name = request.Path.Value!.Split('/')[^1];
        return request.Method == "GET" && request.Path.Value.Contains("/persistentvolumeclaims/b", StringComparison.Ordinal) ? name[1] - '0' : null;
    }

    private static void AddBlocks(ControllerFixture cluster)
    {
        for (var block = 0; block < Blocks; block++)
        {
            string[] claims = [.. Enumerable.Range(0, ClaimsOfEach).Select(i => $"b{block}-{i}")];
            foreach (var claim in claims) AddClaim(cluster, claim);
            AddPod(cluster, $"b{block}", claims, "");
        }
    }

    private static void AddClaim(ControllerFixture cluster, string name)
    {
        cluster.Api.Add(KubernetesResources.PersistentVolumes, $$$"""{"metadata":{"name":"pv-{{{name}}}"},"spec":{"capacity":{"storage":"1Gi"},"claimRef":{"namespace":"shop","name":"{{{name}}}"} } }""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"shop"},"spec":{"volumeName":"pv-{{{name}}}"},"status":{"phase":"Bound"} }""");
    }

    private static void AddPod(ControllerFixture cluster, string name, string[] claims, string annotations) => cluster.Api.Add(KubernetesResources.Pods, Pod(name, claims, annotations, "shop"));

    private static string Pod(string name, string[] claims, string annotations, string ns) => $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"{{{ns}}}","annotations":{"backup.velero.io/backup-volumes":"{{{string.Join(',', claims)}}}"{{{annotations}}} } },
         "spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","volumeMounts":[{{{string.Join(',', claims.Select(c => $$"""{"name":"{{c}}","mountPath":"/{{c}}"}"""))}}}]}],
          "volumes":[{{{string.Join(',', claims.Select(c => $$$"""{"name":"{{{c}}}","persistentVolumeClaim":{"claimName":"{{{c}}}"} }"""))}}}]},
         "status":{"phase":"Running"} }
        """;
}
