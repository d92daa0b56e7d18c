using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

/// <summary>Runs whose API server goes away in the middle of them for longer than a single request is repeated.</summary>
public sealed class EnduranceTests
{
    [Theory]
    // The request at which the server goes away: it is carried out, and its answer is lost.
    [InlineData("POST /api/v1/namespaces")]
    [InlineData("POST /api/v1/namespaces/shop/configmaps")]
    [InlineData("POST /api/v1/namespaces/shop/persistentvolumeclaims")]
    [InlineData("POST /api/v1/namespaces/shop/pods")]
    [InlineData("POST /apis/velero.io/v1/namespaces/velero/podvolumerestores")]
    [InlineData("GET /api/v1/namespaces/shop/persistentvolumeclaims/data")]
    public async Task A_restore_makes_each_object_once_whatever_request_an_outage_begins_with(string request)
    {
        await using var world = new World();
        await world.StartAsync();
        var cluster = world.Cluster;
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Writes.Clear();
        world.GoAwayAt(request);
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await world.ComeBackAsync();
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal((RestorePhase.Completed, 0L, 0L), (restore.Text("status", "phase"), restore.Number("status", "errors"), restore.Number("status", "warnings")));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!;
        Assert.Equal(pod.Uid(), Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores)).Text("spec", "pod", "uid"));
        var list = BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-resource-list.json.gz");
        Assert.Contains("shop/settings(created)", list, StringComparison.Ordinal);
        Assert.Contains("shop/web(created)", list, StringComparison.Ordinal);
        Assert.Contains("waited out", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-logs.gz"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /apis/velero.io/v1/namespaces/velero/podvolumebackups")]
    [InlineData("GET /api/v1/namespaces/shop/persistentvolumeclaims/data")]
    [InlineData("GET /api/v1/namespaces/velero/pods")]
    public async Task A_backup_requests_each_volume_once_whatever_request_an_outage_begins_with(string request)
    {
        await using var world = new World();
        await world.StartAsync();
        world.GoAwayAt(request);
        world.Cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        await world.ComeBackAsync();
        var backup = await world.Cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal((BackupPhase.Completed, 0L, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors"), backup.Number("status", "warnings")));
        Assert.Equal("data", Assert.Single(world.Cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
    }

    [Fact]
    public async Task What_fails_while_the_server_is_well_is_given_up_and_holds_up_nothing()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        AddSettings(cluster);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var tries = 0;
        cluster.Api.Interfere = request =>
        {
            if ($"{request.Method} {request.Path}" != "POST /api/v1/namespaces/shop/configmaps") return null;
            tries++;
            return (HttpStatusCode.InternalServerError, "InternalError");
        };
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.PartiallyFailed, 1L), (restore.Text("status", "phase"), restore.Number("status", "errors")));
        Assert.Equal(3, tries);
        Assert.NotNull(cluster.Api.Find(KubernetesResources.Pods, "shop", "web"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_found_after_a_lost_answer_is_taken_only_when_it_is_the_runs_own(bool isOwn)
    {
        await using var api = await TestApiServer.StartAsync();
        using var client = new ApiClient(api.Config);
        var cluster = new ClusterClient(client).Enduring(Of(TimeSpan.FromMinutes(1), isOwn: _ => isOwn));
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"}}""");
        var asked = 0;
        api.Interfere = request =>
        {
            if (!HttpMethods.IsPost(request.Method) || Interlocked.Increment(ref asked) != 1) return null;
            api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"c","namespace":"shop"},"data":{"was":"there"}}""");
            return (HttpStatusCode.InternalServerError, "InternalError");
        };
        Task<JsonObject> CreateAsync() => cluster.CreateAsync(WellKnownTestKinds.ConfigMaps, "shop", new JsonObject { ["metadata"] = new JsonObject { ["name"] = "c" } }, TestContext.Current.CancellationToken);
        if (isOwn) Assert.Equal("there", (await CreateAsync()).Text("data", "was"));
        else Assert.True((await Assert.ThrowsAsync<ApiException>(CreateAsync)).IsAlreadyExists);
    }

    [Fact]
    public async Task A_request_with_a_made_up_name_is_looked_for_by_its_labels_and_its_spec()
    {
        await using var api = await TestApiServer.StartAsync();
        using var client = new ApiClient(api.Config);
        var cluster = new ClusterClient(client).Enduring(Of(TimeSpan.FromMinutes(1)));
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"}}""");
        var asked = 0;
        api.Interfere = request =>
        {
            if (!HttpMethods.IsPost(request.Method) || Interlocked.Increment(ref asked) != 1) return null;
            // Two others, and the one that was made, with a field that the server filled in.
            api.Add(VeleroResources.PodVolumeBackups, """{"metadata":{"name":"b-1","namespace":"velero","labels":{"velero.io/backup-uid":"u"}},"spec":{"volume":"logs"}}""");
            api.Add(VeleroResources.PodVolumeBackups, """{"metadata":{"name":"b-2","namespace":"velero","labels":{"velero.io/backup-uid":"other"}},"spec":{"volume":"data"}}""");
            api.Add(VeleroResources.PodVolumeBackups, """{"metadata":{"name":"b-3","namespace":"velero","labels":{"velero.io/backup-uid":"u"}},"spec":{"volume":"data","cancel":false}}""");
            return (HttpStatusCode.InternalServerError, "InternalError");
        };
        var made = await cluster.CreateAsync(
            VeleroResources.PodVolumeBackups, "velero", (JsonObject)JsonNode.Parse("""{"metadata":{"generateName":"b-","labels":{"velero.io/backup-uid":"u"}},"spec":{"volume":"data"}}""")!, TestContext.Current.CancellationToken);
        Assert.Equal("b-3", made.Name());
        Assert.Equal(3, api.All(VeleroResources.PodVolumeBackups).Count);
    }

    [Fact]
    public async Task Patience_ends_once_for_all_requests()
    {
        var calls = 0;
        var endurance = Of(TimeSpan.FromMilliseconds(500), ask: _ => throw new HttpRequestException("away"));
        Task<int> Fail()
        {
            calls++;
            throw new HttpRequestException("away");
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => endurance.CarryAsync(Fail, TestContext.Current.CancellationToken));
        Assert.Equal(2, calls);
        await Assert.ThrowsAsync<HttpRequestException>(() => endurance.CarryAsync(Fail, TestContext.Current.CancellationToken));
        Assert.Equal(3, calls);
        // A request that is answered, whichever it is, ends the outage.
        Assert.Equal(7, await endurance.CarryAsync(() => Task.FromResult(7), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<HttpRequestException>(() => endurance.CarryAsync(Fail, TestContext.Current.CancellationToken));
        Assert.Equal(5, calls);
    }

    [Fact]
    public async Task A_run_that_is_ended_waits_for_no_server()
    {
        using var stop = new CancellationTokenSource();
        var endurance = Of(TimeSpan.FromHours(1), ask: _ => throw new HttpRequestException("away"));
        var waiting = endurance.CarryAsync<int>(() => throw new HttpRequestException("away"), stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
    }

    private static Endurance Of(TimeSpan patience, Func<CancellationToken, Task>? ask = null, Func<JsonObject, bool>? isOwn = null) => new()
    {
        Ask = ask ?? (_ => Task.CompletedTask),
        Patience = patience,
        Time = TimeProvider.System,
        Noticed = _ => { },
        IsOwn = isOwn ?? (_ => false),
    };

    private static void AddSettings(ControllerFixture cluster) => cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"},"data":{"a":"b"}}""");

    /// <summary>A cluster with a shop, a controller, and a way between the controller and the server that is cut at a request.</summary>
    private sealed class World : IAsyncDisposable
    {
        private readonly TaskCompletionSource _away = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _stop = new();
        private readonly HurriedTime _time = new();
        private SeverableConnection? _way;
        private Task _controller = Task.CompletedTask;
        private int _seen;

        public ControllerFixture Cluster { get; private set; } = null!;

        public async Task StartAsync()
        {
            Cluster = await ControllerFixture.StartAsync(start: false);
            Cluster.AddShop();
            AddSettings(Cluster);
            _way = new SeverableConnection(Cluster.Api.Address);
            _controller = new ControllerHost(Cluster.Options, _way.Config, NullLoggerFactory.Instance, _time).RunAsync(_stop.Token);
            await Cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        }

        public void GoAwayAt(string request) => Cluster.Api.Interfere = seen =>
        {
            if (seen.Query["watch"] == "true" || $"{seen.Method} {seen.Path}" != request || Interlocked.Increment(ref _seen) != 1) return null;
            _time.Hurry();
            _way!.CutAsync().GetAwaiter().GetResult();
            _away.SetResult();
            return null;
        };

        public async Task ComeBackAsync()
        {
            await _away.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            // In a hurry a client repeats a request for 40 ms.
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
            _way!.Mend();
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _controller;
            _stop.Dispose();
            if (_way is not null) await _way.DisposeAsync();
            await Cluster.DisposeAsync();
        }
    }
}
