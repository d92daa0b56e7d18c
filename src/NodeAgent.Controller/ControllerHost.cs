using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Deletion;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Expiry;
using NodeAgent.Controller.Locations;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Requests;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Schedules;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Health;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Leadership;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller;

/// <summary>The controller as one process runs it: all reconcilers against one cluster and namespace.</summary>
public sealed class ControllerHost
{
    // Not "nodeagent-…", which are the heartbeats of nodes: a node may be named "controller".
    private const string LeaseName = "controller.nodeagent.io";

    private readonly ControllerOptions _options;
    private readonly ClusterConfig _config;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly LoopProgress _progress;

    // What addresses of files begin with that this process serves.
    private Uri? _served;
    private volatile Uri? _downloadsAt;

    /// <param name="options">Its settings.</param>
    /// <param name="config">The cluster.</param>
    /// <param name="loggers">For its log.</param>
    /// <param name="time">The clock.</param>
    /// <param name="health">Told whether it works; null where nobody asks.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public ControllerHost(ControllerOptions options, ClusterConfig config, ILoggerFactory loggers, TimeProvider time, HealthChecks? health = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        if (options.Validate() is { Count: > 0 } errors) throw new ArgumentException(string.Join("; ", errors), nameof(options));
        _options = options;
        _config = config;
        _log = loggers.CreateLogger("NodeAgent.Controller");
        _time = time;
        _progress = new LoopProgress(time, options.ResyncPeriod);
        health?.AddLiveness("loops", _ => new(_progress.Silent()));
        health?.AddReadiness("caches", _ => new(_progress.Unread()));
    }

    /// <summary>Where files of directories are served, with the port that was got; null before that, and where none are.</summary>
    public Uri? DownloadsAt => _downloadsAt;

    /// <summary>The providers that snapshot locations may name.</summary>
    internal SnapshotProviders SnapshotProviders { get; init; } = SnapshotProviders.Default;

    /// <summary>
    /// Works until cancelled; runs under way are then ended as failed, with the reason on their objects. When the leader lease is
    /// lost, as in a long outage of the API server, that happens too, and the next election is waited for.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var api = new ApiClient(_config, new ApiClientOptions { Time = _time });
        await using var downloads = await ServeDownloadsAsync(api, cancellation);
        try
        {
            if (_options.LeaderElection)
            {
                await LeadAsync(api, cancellation);
            }
            else
            {
                await WorkAsync(api, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The asked-for end.
        }
    }

    private async Task<HttpEndpoint?> ServeDownloadsAsync(ApiClient api, CancellationToken cancellation)
    {
        if (_options.DownloadAddress is not { } address) return null;
        var cluster = new ClusterClient(api);
        var endpoint = await HttpEndpoint.StartAsync(address, new DownloadServer(cluster, new StorageLocations(cluster, _options, _time), _options, _time).AnswerAsync, cancellation);
        _served = _options.DownloadUrl ?? (address.Address is null ? new Uri($"http://velero.{_options.Namespace}.svc:{endpoint.Address.Port}/") : endpoint.Address);
        _downloadsAt = endpoint.Address;
        _log.DownloadsAt(endpoint.Address, _served);
        return endpoint;
    }

    private async Task LeadAsync(ApiClient api, CancellationToken cancellation)
    {
        // A container that was killed and started anew in its pod goes on at once; elsewhere two controllers may share a machine.
        var place = Environment.GetEnvironmentVariable("NODEAGENT_POD") is { Length: > 0 } pod ? $"{pod}_" : "";
        var lease = new LeaseElectorOptions
        {
            Namespace = _options.Namespace,
            Name = LeaseName,
            Identity = $"{(place.Length > 0 ? place : Environment.MachineName + "_")}{Guid.NewGuid():N}",
            Place = place,
            LeaseDuration = _options.LeaseDuration,
            RenewDeadline = _options.LeaseDuration * 3 / 4,
            RetryPeriod = _options.LeaseDuration / 30,
        };
        // The elector asks again by itself, and sooner than a client that is more patient each time: a server that is back is not to be missed.
        using var electing = new ApiClient(_config, new ApiClientOptions { Time = _time, MaxRetries = 0 });
        while (true)
        {
            try
            {
                // Under the same name again: its work has ended, so that it need not wait for its own lease to run out.
                await new LeaseElector(electing, lease, _log).RunAsync(token => WorkAsync(api, token), cancellation);
                return;
            }
            catch (LeadershipLostException e)
            {
                _log.LeadershipLost(e.Message);
            }
        }
    }

    private async Task WorkAsync(ApiClient api, CancellationToken cancellation)
    {
        var cluster = new ClusterClient(api);
        using var telemetry = new Telemetry();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var services = new ControllerServices(_time, telemetry, _log, new SnapshotLocations(cluster, SnapshotProviders, _options));
        var locations = new StorageLocations(cluster, _options, _time);
        var agents = new AgentDirectory(cluster, _options, _time);
        var backups = new BackupReconciler(cluster, locations, agents, _options, services);
        var repositories = new RepositoryReconciler(cluster, locations, new LocationRepositories(cluster, locations, _options, _log), _options, services);
        var restores = new RestoreReconciler(cluster, locations, agents, _options, services);
        var events = new PhaseEvents(new EventWriter(cluster, _time, _log), _time);
        async Task<TimeSpan?> ObservedAsync(ResourceKind kind, Func<JsonObject, CancellationToken, Task<TimeSpan?>> reconcile, JsonObject item, CancellationToken token)
        {
            await events.ObserveAsync(kind, item, token);
            return await reconcile(item, token);
        }

        IEnumerable<Task> Loop(ResourceKind kind, Func<JsonObject, CancellationToken, Task<TimeSpan?>> reconcile, Action<IReadOnlyCollection<string>>? listed = null, string? name = null) =>
            name is not null && _options.Disables(name)
                ? []
                : [new KindLoop(api, kind, _options, (item, token) => ObservedAsync(kind, reconcile, item, token), _log) { Listed = listed, Progress = _progress.Begin(kind.Plural) }.RunAsync(stop.Token)];
        _log.Started(_options.Namespace);
        Task[] loops =
        [
            agents.ObserveAsync(stop.Token),
            backups.SweepAsync(stop.Token),
            .. _options.Disables(ControllerNames.Restore) ? Array.Empty<Task>() : [new CsiRestoreSweep(cluster, _options, services).RunAsync(stop.Token)],
            .. _options.PodScheduleInterval == TimeSpan.Zero || _options.RestoreOnly || _options.Disables(ControllerNames.Schedule) ? Array.Empty<Task>() : [new PodSchedules(cluster, new EventWriter(cluster, _time, _log), new BackupExpiry(cluster, locations, _options, _time), _options, services).RunAsync(stop.Token)],
            .. Loop(VeleroResources.BackupStorageLocations, new LocationReconciler(cluster, locations, new BackupSync(cluster, _options, _time, _log), _options, services).ReconcileAsync, telemetry.KeepLocations),
            .. Loop(VeleroResources.VolumeSnapshotLocations, new SnapshotLocationReconciler(cluster, services.Snapshots, _options, services).ReconcileAsync),
            .. Loop(VeleroResources.Backups, backups.ReconcileAsync, names => telemetry.SetTotals(names.Count, null)),
            .. Loop(VeleroResources.Restores, restores.ReconcileAsync, names => telemetry.SetTotals(null, names.Count), ControllerNames.Restore),
            .. Loop(VeleroResources.Schedules, new ScheduleReconciler(cluster, _options, services).ReconcileAsync, telemetry.KeepSchedules, ControllerNames.Schedule),
            .. Loop(VeleroResources.DeleteBackupRequests, new DeleteRequestReconciler(cluster, locations, _options, services).ReconcileAsync, name: ControllerNames.BackupDeletion),
            .. Loop(VeleroResources.DownloadRequests, new DownloadRequestReconciler(cluster, locations, _options, services, _served).ReconcileAsync, name: ControllerNames.DownloadRequest),
            .. Loop(VeleroResources.BackupStorageLocations, new RepositoryObjects(cluster, _options).EnsureAsync, name: ControllerNames.BackupRepository),
            .. Loop(VeleroResources.BackupRepositories, repositories.ReconcileAsync, name: ControllerNames.BackupRepository),
            .. Loop(VeleroResources.ServerStatusRequests, new ServerStatusReconciler(cluster, _options, services).ReconcileAsync, name: ControllerNames.ServerStatusRequest),
        ];
        try
        {
            // One loop that ends, ends all: a controller that does half of its work looks healthy and is not.
            await await Task.WhenAny(loops);
        }
        finally
        {
            await stop.CancelAsync();
            _progress.End();
            await Task.WhenAll(loops).ContinueWith(static _ => { }, TaskScheduler.Default);
            await backups.DrainAsync();
            await restores.DrainAsync();
            await repositories.DrainAsync();
        }
    }
}
