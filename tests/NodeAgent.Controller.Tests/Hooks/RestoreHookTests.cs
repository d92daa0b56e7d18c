using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Hooks;

public sealed class RestoreHookTests
{
    private const string PodManifest = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: velero}
        ---
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: db
          namespace: shop
          annotations: {ANNOTATIONS}
        spec:
          nodeName: node-1
          containers: [{name: db, image: postgres}, {name: side, image: side}]
        """;

    [Fact]
    public async Task Hooks_in_annotations_add_an_init_container_and_run_a_command_in_the_restored_pod()
    {
        var (restore, pod, events) = await RunAsync(
            """init.hook.restore.velero.io/container-image: tools, init.hook.restore.velero.io/container-name: prepare, init.hook.restore.velero.io/command: '["a","b"]', post.hook.restore.velero.io/command: /bin/replay, post.hook.restore.velero.io/container: side""",
            "{}");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var init = Assert.Single(pod.Objects("spec", "initContainers"));
        Assert.Equal("prepare", init.Text("name"));
        Assert.Equal("""["a","b"]""", init["command"]!.ToJsonString());
        Assert.Equal(["shop-2/db/side: /bin/replay"], events);
        Assert.Equal(1, restore.Number("status", "hookStatus", "hooksAttempted"));
    }

    [Fact]
    public async Task Hooks_of_the_restore_match_target_namespaces_and_a_failing_one_may_stop_the_rest()
    {
        var (restore, pod, events) = await RunAsync("a: b", """
            {"resources":[
              {"name":"source","includedNamespaces":["shop"],"postHooks":[{"exec":{"command":["never"]}}]},
              {"name":"target","includedNamespaces":["shop-2"],"postHooks":[
                {"init":{"initContainers":[{"name":"i","image":"x","command":["c"]}]}},
                {"exec":{"command":["fail"]}},{"exec":{"command":["fail"],"onError":"Fail","waitTimeout":"5s","execTimeout":"5s"}},{"exec":{"command":["never"]}}]}]}
            """);
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal("i", Assert.Single(pod.Objects("spec", "initContainers")).Text("name"));
        Assert.Equal(["shop-2/db/db: fail", "shop-2/db/db: fail"], events);
        Assert.Equal(2, restore.Number("status", "hookStatus", "hooksFailed"));
        Assert.Equal(2, restore.Number("status", "errors"));
    }

    [Fact]
    public async Task A_container_that_never_comes_up_does_not_hold_the_restore()
    {
        var (restore, _, events) = await RunAsync("post.hook.restore.velero.io/command: x, post.hook.restore.velero.io/wait-timeout: 200ms", "{}", comesUp: false);
        Assert.Equal((RestorePhase.PartiallyFailed, 1L), (restore.Text("status", "phase"), restore.Number("status", "errors")));
        Assert.Empty(events);
    }

    [Theory]
    [InlineData("Continue")]
    [InlineData("Fail")]
    public async Task A_command_that_hangs_is_given_up_after_its_time(string onError)
    {
        var (restore, _, events) = await RunAsync($"post.hook.restore.velero.io/command: hang, post.hook.restore.velero.io/exec-timeout: 300ms, post.hook.restore.velero.io/on-error: {onError}", "{}");
        Assert.Equal((RestorePhase.PartiallyFailed, 1L), (restore.Text("status", "phase"), restore.Number("status", "errors")));
        Assert.Equal(1, restore.Number("status", "hookStatus", "hooksFailed"));
        Assert.Equal(["shop-2/db/db: hang"], events);
    }

    [Fact]
    public async Task Timeouts_beyond_what_timers_count_harm_nobody()
    {
        var (restore, _, events) = await RunAsync("post.hook.restore.velero.io/command: x, post.hook.restore.velero.io/exec-timeout: 1200h, post.hook.restore.velero.io/wait-timeout: 2000000h", "{}");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(["shop-2/db/db: x"], events);
    }

    private static async Task<(JsonObject Restore, JsonObject Pod, IReadOnlyList<string> Events)> RunAsync(string annotations, string hooks, bool comesUp = true)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        var events = new ConcurrentQueue<string>();
        var directory = Directory.CreateTempSubdirectory("controller-hooks-");
        try
        {
            var location = directory.CreateSubdirectory("location").FullName;
            await using var embedded = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions
            {
                Directory = Path.Combine(directory.FullName, "cluster"),
                RunNodes = false,
                ExecHandler = async (request, token) =>
                {
                    events.Enqueue($"{request.Namespace}/{request.Pod}/{request.Container}: {string.Join("|", request.Command)}");
                    if (request.Command[0] == "hang") await Task.Delay(Timeout.Infinite, token).ContinueWith(static _ => { }, TaskScheduler.Default);
                    return new PodExecResult(request.Command[0] == "fail" ? 1 : 0);
                },
            }, limit.Token);
            embedded.Create(PodManifest.Replace("ANNOTATIONS", annotations, StringComparison.Ordinal));
            var config = ClusterConfig.ForServer(embedded.Address);
            using var client = new ApiClient(config);
            var cluster = new ClusterClient(client);
            await cluster.PatchAsync(KubernetesResources.Pods, "shop", "db", Parse("""{"status":{"phase":"Running"}}"""), "status", limit.Token);
            await cluster.CreateAsync(VeleroResources.BackupStorageLocations, "velero", Parse($$"""
                {"apiVersion":"velero.io/v1","kind":"BackupStorageLocation","metadata":{"name":"default"},"spec":{"provider":"filesystem","default":true,"config":{"path":"{{location}}"} } }
                """), limit.Token);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            var options = new ControllerOptions { LeaderElection = false, PollInterval = TimeSpan.FromMilliseconds(20) };
            var controller = new ControllerHost(options, config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(stop.Token);
            await cluster.CreateAsync(VeleroResources.Backups, "velero", Parse("""{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b"},"spec":{"includedNamespaces":["shop"]}}"""), limit.Token);
            while ((await cluster.GetAsync(VeleroResources.Backups, "velero", "b", limit.Token)).Text("status", "phase") != BackupPhase.Completed) await Task.Delay(20, limit.Token);
            await cluster.CreateAsync(VeleroResources.Restores, "velero", Parse($$"""
                {"apiVersion":"velero.io/v1","kind":"Restore","metadata":{"name":"r"},"spec":{"backupName":"b","namespaceMapping":{"shop":"shop-2"},"hooks":{{hooks}} } }
                """), limit.Token);
            JsonObject? restore;
            do
            {
                await Task.Delay(20, limit.Token);
                if (comesUp && await cluster.GetAsync(KubernetesResources.Pods, "shop-2", "db", limit.Token) is { } made && made.At("status", "containerStatuses") is null)
                {
                    await cluster.PatchAsync(KubernetesResources.Pods, "shop-2", "db", Parse("""
                        {"status":{"phase":"Running","containerStatuses":[{"name":"db","state":{"running":{}},"ready":false},{"name":"side","state":{"running":{}},"ready":true}]}}
                        """), "status", limit.Token);
                }

                restore = await cluster.GetAsync(VeleroResources.Restores, "velero", "r", limit.Token);
            }
            while (restore.Text("status", "completionTimestamp") is null && restore.Text("status", "phase") is not RestorePhase.FailedValidation);
            var pod = await cluster.GetAsync(KubernetesResources.Pods, "shop-2", "db", limit.Token);
            await stop.CancelAsync();
            await controller;
            return (restore!, pod!, [.. events]);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;
}
