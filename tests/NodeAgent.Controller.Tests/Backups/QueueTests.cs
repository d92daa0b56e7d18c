using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class QueueTests
{
    [Fact]
    public async Task Backups_that_wait_are_numbered_and_start_in_the_order_in_which_they_were_made()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        Add(cluster, "running", "2020-01-01T00:00:09Z");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
        Add(cluster, "third", "2020-01-01T00:00:03Z");
        Add(cluster, "second", "2020-01-01T00:00:02Z");
        Add(cluster, "first", "2020-01-01T00:00:01Z");
        string[] order = ["first", "second", "third"];
        for (var i = 0; i < order.Length; i++)
        {
            var place = i + 1;
            await cluster.WaitAsync(VeleroResources.Backups, order[i], b => b.Text("status", "phase") == BackupPhase.Queued && b.Number("status", "queuePosition") == place);
        }

        // One that is deleted makes room.
        cluster.Api.Remove(VeleroResources.Backups, "velero", "second");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var (first, third) = (await cluster.WaitForEndAsync(VeleroResources.Backups, "first"), await EndAsync(cluster, "third"));
        Assert.Equal((BackupPhase.Completed, BackupPhase.Completed), (first.Text("status", "phase"), third.Text("status", "phase")));
        Assert.True(string.CompareOrdinal(first.Text("status", "startTimestamp"), third.Text("status", "startTimestamp")) <= 0);
        Assert.Null(third.At("status", "queuePosition"));
    }

    [Fact]
    public async Task Backups_about_the_same_namespace_never_run_at_once_and_others_overtake_the_one_that_waits()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ConcurrentBackups = 3 });
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"bar"},"status":{"phase":"Active"}}""");
        cluster.AgentOutcome = null;
        cluster.AddShop();
        Add(cluster, "one", "2020-01-01T00:00:01Z");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
        using var release = new ManualResetEventSlim();
        var held = 0;
        cluster.Api.Interfere = request =>
        {
            // Asked for while a backup is made ready; the first is that of "other".
            if (request.Path.Value == "/version" && Interlocked.Increment(ref held) > 1) release.Wait(TimeSpan.FromSeconds(20));
            return null;
        };
        Add(cluster, "two", "2020-01-01T00:00:02Z", """{"includedNamespaces":["s*"]}""");
        await cluster.WaitAsync(VeleroResources.Backups, "two", b => b.Text("status", "phase") == BackupPhase.Queued && b.Number("status", "queuePosition") == 1);
        // The whole cluster is about that namespace too; another namespace is not.
        Add(cluster, "all", "2020-01-01T00:00:03Z", "{}");
        Add(cluster, "other", "2020-01-01T00:00:04Z", """{"includedNamespaces":["*"],"excludedNamespaces":["shop","velero"]}""");
        // Not before one that is about its namespaces and was made earlier, though that waits as well.
        await cluster.WaitAsync(VeleroResources.Backups, "other", b => b.Text("status", "phase") == BackupPhase.Queued);
        Add(cluster, "alone", "2020-01-01T00:00:00Z", """{"includedNamespaces":["bar"]}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync(VeleroResources.Backups, "alone")).Text("status", "phase"));
        Assert.Equal(BackupPhase.InProgress, cluster.Api.Find(VeleroResources.Backups, "velero", "one").Text("status", "phase"));
        Assert.Equal(BackupPhase.Queued, cluster.Api.Find(VeleroResources.Backups, "velero", "all").Text("status", "phase"));

        cluster.AgentOutcome = PodVolumePhase.Completed;
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "two", BackupPhase.ReadyToStart);
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "two").At("status", "queuePosition"));
        release.Set();
        foreach (var name in new[] { "one", "two", "all", "other" }) Assert.Equal(BackupPhase.Completed, (await EndAsync(cluster, name)).Text("status", "phase"));
        Assert.True(string.CompareOrdinal(Ended("one"), Started("two")) <= 0);
        Assert.True(string.CompareOrdinal(Ended("two"), Started("all")) <= 0);
        Assert.True(string.CompareOrdinal(Ended("all"), Started("other")) <= 0);

        string? Started(string name) => cluster.Api.Find(VeleroResources.Backups, "velero", name).Text("status", "startTimestamp");
        string? Ended(string name) => cluster.Api.Find(VeleroResources.Backups, "velero", name).Text("status", "completionTimestamp");
    }

    [Theory]
    // What runs; what waits, in order; who can start.
    [InlineData("", "a b c", "1")]
    [InlineData("a", "a b c", "2")]
    [InlineData("a b", "a b c", "3")]
    [InlineData("a", "a* ab b", "3")]
    [InlineData("b", "a,b b a", "none")]
    [InlineData("*", "a b", "none")]
    [InlineData("c", "* a b", "none")]
    [InlineData("gone", "gone a", "1")]
    [InlineData("a", "gone a", "1")]
    public void One_that_waits_can_start_when_it_shares_no_namespace_with_one_that_runs_or_waits_before_it(string running, string waiting, string first)
    {
        var queue = new NodeAgent.Controller.Backups.BackupQueue(new ManualTime());
        var names = waiting.Split(' ');
        for (var i = names.Length; i > 0; i--) queue.Join(Backup($"{i}", i, names[i - 1]));
        NodeAgent.Controller.Selection.IncludesExcludes[] busy = [.. running.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(r => NodeAgent.Controller.Backups.BackupQueue.NamespacesOf(Backup("r", 0, r)))];
        var free = Enumerable.Range(1, names.Length).Where(i => queue.IsFree($"{i}", busy, ["a", "ab", "b", "c"])).Select(i => $"{i}");
        Assert.Equal(first, string.Join(' ', free.DefaultIfEmpty("none")));
    }

    [Fact]
    public void Who_does_not_tell_of_itself_any_more_holds_up_nobody()
    {
        var time = new ManualTime();
        var queue = new NodeAgent.Controller.Backups.BackupQueue(time);
        Assert.Equal(1, queue.Join(Backup("gone", 1)));
        Assert.Equal(2, queue.Join(Backup("there", 2)));
        time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(2, queue.Join(Backup("there", 2)));
        time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(1, queue.Join(Backup("there", 2)));
        Assert.Equal(1, queue.Join(Backup("gone", 1)));
        queue.Leave("gone");
        Assert.Equal(1, queue.Join(Backup("there", 2)));
    }

    private static System.Text.Json.Nodes.JsonObject Backup(string name, int second, string namespaces = "*") =>
        (System.Text.Json.Nodes.JsonObject)System.Text.Json.Nodes.JsonNode.Parse($$$"""
            {"metadata":{"name":"{{{name}}}","uid":"{{{name}}}","creationTimestamp":"2020-01-01T00:00:0{{{second}}}Z"},"spec":{"includedNamespaces":["{{{namespaces.Replace(",", "\",\"", StringComparison.Ordinal)}}}"]} }
            """)!;

    private static void Add(ControllerFixture cluster, string name, string created, string spec = """{"includedNamespaces":["shop"]}""") =>
        cluster.Api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"{{name}}","namespace":"velero","creationTimestamp":"{{created}}"},"spec":{{spec}} }""");

    /// <summary>As the fixture's, and for as long again: a place that nobody claims is given away after ten seconds.</summary>
    private static async Task<System.Text.Json.Nodes.JsonObject> EndAsync(ControllerFixture cluster, string name)
    {
        for (var i = 0; i < 3000 && cluster.Api.Find(VeleroResources.Backups, "velero", name).Text("status", "phase") is not BackupPhase.Completed; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
        return cluster.Api.Find(VeleroResources.Backups, "velero", name)!;
    }
}
