using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Tests.Hooks;

public sealed class BackupHookTests
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
        apiVersion: coordination.k8s.io/v1
        kind: Lease
        metadata: {name: nodeagent-node-1, namespace: velero}
        spec: {holderIdentity: node-1}
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: db
          namespace: shop
          annotations:
            backup.velero.io/backup-volumes: data
        ANNOTATIONS
        spec:
          nodeName: node-1
          containers:
            - {name: db, image: postgres, volumeMounts: [{name: data, mountPath: /d}]}
            - {name: side, image: side}
          volumes: [{name: data, emptyDir: {}}]
        """;

    [Fact]
    public async Task Hooks_in_annotations_run_before_the_volumes_are_requested_and_after_they_ended()
    {
        var (backup, events, _) = await RunAsync(
            """
                pre.hook.backup.velero.io/command: '["/bin/freeze", "two words"]'
                pre.hook.backup.velero.io/container: side
                post.hook.backup.velero.io/command: /bin/thaw
            """, "{}", _ => new PodExecResult(0, "frozen\n"));
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(["side: /bin/freeze|two words", "volume completed", "db: /bin/thaw"], events);
        Assert.Equal(2, backup.Number("status", "hookStatus", "hooksAttempted"));
        Assert.Equal(0, backup.Number("status", "hookStatus", "hooksFailed"));
    }

    [Fact]
    public async Task A_hook_that_fails_keeps_its_pod_out_and_says_what_it_printed()
    {
        var (backup, events, results) = await RunAsync(
            """
                pre.hook.backup.velero.io/command: /bin/freeze
                post.hook.backup.velero.io/command: /bin/thaw
            """, "{}", _ => new PodExecResult(3, "", "no such disk\n"));
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Equal(["db: /bin/freeze"], events);
        Assert.Contains("no such disk", results, StringComparison.Ordinal);
        Assert.Equal(1, backup.Number("status", "hookStatus", "hooksFailed"));
    }

    [Fact]
    public async Task Hooks_of_the_backup_run_for_pods_that_match_and_Continue_lets_them_fail()
    {
        var (backup, events, _) = await RunAsync("", """
            {"resources":[
              {"name":"mine","includedNamespaces":["shop"],"includedResources":["pods"],
               "pre":[{"exec":{"command":["a"],"onError":"Continue"}},{"exec":{"command":["b"]}}]},
              {"name":"other","includedNamespaces":["elsewhere"],"pre":[{"exec":{"command":["c"]}}]}]}
            """, request => new PodExecResult(request.Command[0] == "a" ? 1 : 0));
        Assert.Equal((BackupPhase.PartiallyFailed, 1L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Equal(["db: a", "db: b", "volume completed"], events);
    }

    [Fact]
    public async Task A_timeout_beyond_what_timers_count_harms_nobody()
    {
        var (backup, events, _) = await RunAsync(
            """
                pre.hook.backup.velero.io/command: /bin/freeze
                pre.hook.backup.velero.io/timeout: 1200h
                post.hook.backup.velero.io/command: /bin/thaw
                post.hook.backup.velero.io/timeout: 2000000h
            """, "{}", _ => new PodExecResult(0));
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(["db: /bin/freeze", "volume completed", "db: /bin/thaw"], events);
    }

    [Fact]
    public async Task A_hook_after_a_pod_that_hangs_does_not_keep_a_backup_that_is_cancelled()
    {
        var (backup, events, results) = await RunAsync(
            """
                post.hook.backup.velero.io/command: hang
                post.hook.backup.velero.io/timeout: 6h
            """, "{}", _ => new PodExecResult(0));
        Assert.Equal((BackupPhase.Failed, "the backup was cancelled: it hangs"), (backup.Text("status", "phase"), backup.Text("status", "failureReason")));
        Assert.Equal(["volume completed", "db: hang"], events);
        Assert.Contains("hooks after pod shop/db: they had not ended 300ms after the backup was ended early, and are given up", results, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Fail", BackupPhase.PartiallyFailed, 0, 1, "db: stall")]
    [InlineData("Continue", BackupPhase.PartiallyFailed, 0, 1, "db: stall; volume completed")]
    public async Task A_hook_that_hangs_is_given_up_after_its_time(string onError, string phase, int warnings, int errors, string expected)
    {
        var (backup, events, results) = await RunAsync(
            $"""
                pre.hook.backup.velero.io/command: stall
                pre.hook.backup.velero.io/timeout: 300ms
                pre.hook.backup.velero.io/on-error: {onError}
            """, "{}", _ => new PodExecResult(0));
        Assert.Equal((phase, warnings, errors), (backup.Text("status", "phase"), (int)backup.Number("status", "warnings"), (int)backup.Number("status", "errors")));
        Assert.Equal(expected, string.Join("; ", events));
        Assert.Contains("hook pre.hook.backup.velero.io in container db of pod shop/db: it did not end within 0.3 s", results, StringComparison.Ordinal);
        Assert.Equal(1, backup.Number("status", "hookStatus", "hooksFailed"));
    }

    [Fact]
    public async Task Hooks_behind_one_that_fails_are_not_run_and_count_as_attempted()
    {
        var (backup, events, _) = await RunAsync("", """
            {"resources":[{"name":"h","pre":[{"exec":{"command":["a"],"onError":"Continue"}},{"exec":{"command":["b"]}},{"exec":{"command":["c"]}}]},{"name":"i","pre":[{"exec":{"command":["d"]}}],"post":[{"exec":{"command":["e"]}}]}]}
            """, request => new PodExecResult(request.Command[0] is "a" or "b" ? 1 : 0));
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Equal(["db: a", "db: b"], events);
        Assert.Equal((4L, 2L), (backup.Number("status", "hookStatus", "hooksAttempted"), backup.Number("status", "hookStatus", "hooksFailed")));
    }

    private static async Task<(JsonObject Backup, IReadOnlyList<string> Events, string Results)> RunAsync(string annotations, string hooks, Func<PodExecRequest, PodExecResult> answer)
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
                    events.Enqueue($"{request.Container}: {string.Join("|", request.Command)}");
                    if (request.Command[0] is "hang" or "stall") await Task.Delay(Timeout.Infinite, token).ContinueWith(static _ => { }, TaskScheduler.Default);
                    return answer(request);
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
            await cluster.CreateAsync(VeleroResources.Backups, "velero", Parse($$"""
                {"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b"},"spec":{"includedNamespaces":["shop"],"hooks":{{hooks}} } }
                """), limit.Token);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            var options = new ControllerOptions { LeaderElection = false, PollInterval = TimeSpan.FromMilliseconds(20), HookGracePeriod = TimeSpan.FromMilliseconds(300) };
            var controller = new ControllerHost(options, config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(stop.Token);
            JsonObject? backup;
            do
            {
                await Task.Delay(20, limit.Token);
                await foreach (var work in cluster.ListAsync(VeleroResources.PodVolumeBackups, "velero", null, limit.Token))
                {
                    if (PodVolumeWork.IsFinal(work)) continue;
                    events.Enqueue("volume completed");
                    await cluster.PatchStatusAsync(VeleroResources.PodVolumeBackups, "velero", work.Name(), Parse("""{"phase":"Completed","snapshotID":"s"}"""), limit.Token);
                }

                if (events.Any(e => e.EndsWith(": hang", StringComparison.Ordinal)))
                {
                    await cluster.PatchAsync(VeleroResources.Backups, "velero", "b", Parse("""{"metadata":{"annotations":{"nodeagent.io/cancel-requested":"it hangs"}}}"""), null, limit.Token);
                }

                backup = await cluster.GetAsync(VeleroResources.Backups, "velero", "b", limit.Token);
            }
            while (backup.Text("status", "completionTimestamp") is null && backup.Text("status", "phase") is not BackupPhase.FailedValidation);
            await stop.CancelAsync();
            await controller;
            return (backup!, [.. events], BackupContents.ReadGzip(new DirectoryBucket(location), "backups/b/b-results.gz"));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;
}
