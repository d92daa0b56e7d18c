using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>Restores whose controller dies, and restores that are deleted: each comes to an end, and nothing of it stays at work.</summary>
public sealed class RestoreInterruptionTests
{
    private const string Status = "PATCH /apis/velero.io/v1/namespaces/velero/restores/r/status";
    private const string Post = """ "hooks":{"resources":[{"name":"h","postHooks":[{"exec":{"command":["x"],"waitTimeout":"1h"}}]}]} """;

    [Theory]
    // Where the controller dies: at a request, the how many-th of its kind; whether the request still arrives; and the end.
    [InlineData("GET /api/v1/namespaces/velero/configmaps", 1, false, "{}", RestorePhase.Completed, "")]
    [InlineData("PATCH /apis/velero.io/v1/namespaces/velero/restores/r", 1, false, "{}", RestorePhase.Completed, "")]
    [InlineData("PATCH /apis/velero.io/v1/namespaces/velero/restores/r", 1, true, "{}", RestorePhase.Completed, "")]
    [InlineData(Status, 1, false, "{}", RestorePhase.Completed, "")]
    [InlineData(Status, 1, true, "{}", RestorePhase.Failed, "while the restore was InProgress")]
    [InlineData("POST /api/v1/namespaces", 1, true, "{}", RestorePhase.Failed, "while the restore was InProgress")]
    [InlineData("POST /api/v1/namespaces/shop/pods", 1, true, "{}", RestorePhase.Failed, "while the restore was InProgress")]
    [InlineData("POST /apis/velero.io/v1/namespaces/velero/podvolumerestores", 1, true, "{}", RestorePhase.Failed, "while the restore was InProgress")]
    [InlineData("GET /apis/velero.io/v1/namespaces/velero/podvolumerestores", 1, false, "{}", RestorePhase.Failed, "while the restore was InProgress")]
    public async Task A_controller_that_dies_before_or_among_the_objects_leaves_a_restore_that_ends(string request, int nth, bool arrives, string more, string phase, string reason) =>
        await RunAsync(request, nth, arrives, more, null, phase, reason);

    [Theory]
    [InlineData(false, "InProgress")]
    [InlineData(true, "")]
    public async Task A_controller_that_dies_when_it_turns_to_the_last_step_leaves_a_restore_that_ends(bool arrives, string reason) =>
        await RunAsync($"{Status} Finalizing", 1, arrives, "{}", PodVolumePhase.Completed, arrives ? RestorePhase.Completed : RestorePhase.Failed, reason);

    [Theory]
    [InlineData($"{Status} FinalizingPartiallyFailed", true, RestorePhase.PartiallyFailed)]
    [InlineData($"{Status} PartiallyFailed", false, RestorePhase.PartiallyFailed)]
    [InlineData($"{Status} PartiallyFailed", true, RestorePhase.PartiallyFailed)]
    public async Task A_restore_with_errors_ends_as_that_when_its_controller_dies_in_the_last_step(string request, bool arrives, string phase)
    {
        var restore = await RunAsync(request, 1, arrives, "{}", PodVolumePhase.Failed, phase, "");
        Assert.Equal(1, restore.Number("status", "errors"));
    }

    [Fact]
    public async Task A_restore_ends_as_Completed_when_its_controller_dies_before_it_can_say_so()
    {
        var restore = await RunAsync($"{Status} Completed", 1, arrives: false, "{}", PodVolumePhase.Completed, RestorePhase.Completed, "");
        Assert.NotEqual(0, restore.Number("status", "progress", "itemsRestored"));
    }

    [Fact]
    public async Task A_controller_that_dies_while_hooks_wait_leaves_a_restore_that_ends() =>
        await RunAsync("GET /api/v1/namespaces/shop/pods/web", 2, arrives: false, $"{{{Post}}}", null, RestorePhase.Failed, "while the restore was InProgress");

    [Fact]
    public async Task A_restore_that_is_deleted_while_it_waits_for_volumes_stops_at_once_and_leaves_the_way_free()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).Count > 0);
        using var client = new ApiClient(cluster.Api.Config);
        await new ClusterClient(client).DeleteAsync(VeleroResources.Restores, "velero", "r", TestContext.Current.CancellationToken);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Restores, "velero", "r") is null);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).All(PodVolumeWork.IsFinal));
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "restores/r")));
        // Restores take turns; the next one has its turn.
        cluster.AgentOutcome = PodVolumePhase.Completed;
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("next", """{"backupName":"b","namespaceMapping":{"shop":"shop-2"}}""")).Text("status", "phase"));
    }

    [Fact]
    public async Task A_restore_that_is_deleted_before_its_turn_comes_goes_without_a_run()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"first","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Restores, "first", RestorePhase.InProgress);
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"second","namespace":"velero"},"spec":{"backupName":"b","namespaceMapping":{"shop":"shop-2"}}}""");
        cluster.Api.Remove(VeleroResources.Restores, "velero", "second");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        await cluster.WaitForEndAsync(VeleroResources.Restores, "first");
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("third", """{"backupName":"b","namespaceMapping":{"shop":"shop-3"}}""")).Text("status", "phase"));
        Assert.Null(cluster.Api.Find(KubernetesResources.Namespaces, null, "shop-2"));
    }

    /// <summary>
    /// Runs a restore with a controller that is cut off for good at the given request, then with another one to its end. A request to the
    /// status may name the phase that it writes.
    /// </summary>
    private static async Task<JsonObject> RunAsync(string request, int nth, bool arrives, string more, string? outcome, string phase, string reason)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await using var way = new SeverableConnection(cluster.Api.Address);
        cluster.AddShop();
        var time = new HurriedTime();
        using var stop = new CancellationTokenSource();
        var first = new ControllerHost(cluster.Options, way.Config, NullLoggerFactory.Instance, time).RunAsync(stop.Token);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = outcome;

        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = 0;
        cluster.Api.Interfere = r =>
        {
            if (reached.Task.IsCompleted || !Matches(r, request) || Interlocked.Increment(ref seen) != nth) return reached.Task.IsCompleted && !arrives ? (HttpStatusCode.ServiceUnavailable, "Gone") : null;
            reached.TrySetResult();
            return arrives ? null : (HttpStatusCode.ServiceUnavailable, "Gone");
        };
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b" """ + (more == "{}" ? "" : "," + more[1..^1]) + "}}");
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        // What arrives is answered before the way is cut; what follows may get through, as with any death.
        time.Hurry();
        await way.CutAsync();
        await stop.CancelAsync();
        await first;
        cluster.Api.Interfere = null;
        // Or the dying one would have cleaned up, which is not what this is about.
        Assert.NotEqual(RestorePhase.Failed, cluster.Api.Find(VeleroResources.Restores, "velero", "r").Text("status", "phase"));

        // The volumes of a restore that begins anew do end; those of one that failed are cancelled.
        cluster.AgentOutcome = phase == RestorePhase.Failed ? null : outcome ?? PodVolumePhase.Completed;
        cluster.StartController();
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(phase, restore.Text("status", "phase"));
        Assert.Contains(reason, restore.Text("status", "failureReason") ?? "", StringComparison.Ordinal);
        Assert.NotNull(restore.Text("status", "completionTimestamp"));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).All(PodVolumeWork.IsFinal));
        // And the next restore has its turn.
        cluster.AgentOutcome = PodVolumePhase.Completed;
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("next", """{"backupName":"b","namespaceMapping":{"shop":"shop-2"}}""")).Text("status", "phase"));
        return restore;
    }

    private static bool Matches(HttpRequest request, string wanted)
    {
        var parts = wanted.Split(' ');
        if (request.Method != parts[0] || request.Path != parts[1] || request.Query["watch"] == "true") return false;
        if (parts.Length == 2) return true;
        request.EnableBuffering();
        var body = new MemoryStream();
        request.Body.CopyToAsync(body).GetAwaiter().GetResult();
        request.Body.Position = 0;
        return JsonNode.Parse(body.ToArray()).Text("status", "phase") == parts[2];
    }
}
