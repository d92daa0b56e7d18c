using Microsoft.Extensions.Logging;
using NodeAgent.Agent.Backups;
using NodeAgent.Agent.Restores;
using NodeAgent.Agent.Runs;
using NodeAgent.Agent.Volumes;
using NodeAgent.Hosting.Health;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Queues;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Watching;

namespace NodeAgent.Agent;

/// <summary>
/// The agent of one node:
/// 1. copies of the PodVolumeBackups and PodVolumeRestores that there is something to do for, and of this node's pods, follow the API server;
/// 2. what changes is put into a queue for each of the two kinds;
/// 3. reconcilers take from them and start runs, so many at once;
/// 4. a lease tells the controller that the node is served.
/// </summary>
public sealed class AgentHost
{
    private const int Reconcilers = 2;
    private const string PodIndex = "pod";

    private readonly AgentOptions _options;
    private readonly ClusterConfig _config;
    private readonly HealthChecks? _health;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    /// <param name="health">Gets a check that says whether the copies are complete; null for none.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public AgentHost(AgentOptions options, ClusterConfig config, ILoggerFactory loggers, HealthChecks? health, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        if (options.Validate() is { Count: > 0 } errors) throw new ArgumentException(string.Join("; ", errors), nameof(options));
        _options = options;
        _config = config;
        _health = health;
        _time = time;
        _log = loggers.CreateLogger("NodeAgent.Agent");
    }

    /// <summary>Works until cancelled. Runs under way that do not end within moments are then stopped, and left to the next agent of the node.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var client = new ApiClient(_config, new ApiClientOptions { Time = _time });
        using var telemetry = new Telemetry(_options.NodeName);
        using var backupRuns = new RunRegistry(_options.Concurrency);
        using var restoreRuns = new RunRegistry(_options.Concurrency);
        using var backupQueue = new WorkQueue<NamespacedName>(new WorkQueueOptions { Time = _time });
        using var restoreQueue = new WorkQueue<NamespacedName>(new WorkQueueOptions { Time = _time });
        await using var repositories = new RepositoryOpener(client, _options, _log);
        var services = new AgentServices(client, _options, new VolumeFinder(client, _options), new PodLookup(client), repositories, telemetry, _log);

        // 1. the copies
        VolumeBackupReconciler? backupReconciler = null;
        VolumeRestoreReconciler? restoreReconciler = null;
        var backups = Informer.Of(client, VeleroResources.PodVolumeBackups, VeleroJsonContext.Default.PodVolumeBackup, b => b.Metadata, Following(malformed =>
        {
            backupReconciler!.Note(malformed);
            backupQueue.Add(malformed.Item.Key);
        }));
        var restores = Informer.Of(client, VeleroResources.PodVolumeRestores, VeleroJsonContext.Default.PodVolumeRestore, r => r.Metadata, Following(malformed =>
        {
            restoreReconciler!.Note(malformed);
            restoreQueue.Add(malformed.Item.Key);
        }));
        var pods = Informer.Of(client, KubernetesResources.Pods, new InformerOptions { FieldSelector = $"spec.nodeName={_options.NodeName}", Log = _log });

        // What has ended stays in the cluster as long as its backup or restore, and each agent hears of the work of all nodes: no copy is kept of what needs nothing more from here.
        backups.KeepOnly(b => VolumeBackupReconciler.Concerns(b, _options.NodeName));
        restores.KeepOnly(r => VolumeRestoreReconciler.Concerns(r, _options.NodeName));

        // 2. the queues
        backups.AddIndex(PodIndex, b => [VolumeBackupReconciler.PodOf(b)]);
        restores.AddIndex(PodIndex, r => [VolumeRestoreReconciler.PodOf(r)]);
        backups.AddHandler(change => backupQueue.Add(change.Key));
        restores.AddHandler(change => restoreQueue.Add(change.Key));
        pods.AddHandler(change =>
        {
            foreach (var backup in backups.Find(PodIndex, change.Key.ToString())) backupQueue.Add(ObjectIdentity.Of(backup.Metadata).Key);
            foreach (var restore in restores.Find(PodIndex, change.Key.ToString())) restoreQueue.Add(ObjectIdentity.Of(restore.Metadata).Key);
        });

        // 3. the reconcilers
        backupReconciler = new VolumeBackupReconciler(services, backupRuns, backups, pods, backupQueue);
        restoreReconciler = new VolumeRestoreReconciler(services, restoreRuns, restores, pods, restoreQueue);
        var backupLoop = new ReconcileLoop<NamespacedName>(PodVolumeBackup.KindName, backupQueue, backupReconciler.ReconcileAsync, Reconcilers, _log);
        var restoreLoop = new ReconcileLoop<NamespacedName>(PodVolumeRestore.KindName, restoreQueue, restoreReconciler.ReconcileAsync, Reconcilers, _log);

        _health?.AddReadiness("caches", _ => new(backups.HasSynced && restores.HasSynced && pods.HasSynced ? null : "the lists of volume backups, restores and pods are not read yet"));
        _log.Started(_options.NodeName, _options.HostPods);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var silence = new CancellationTokenSource();
        // 4. the lease
        var heartbeat = new NodeHeartbeat(client, _options, _log).RunAsync(silence.Token);
        Task[] tasks =
        [
            backups.RunAsync(stop.Token), restores.RunAsync(stop.Token), pods.RunAsync(stop.Token),
            backupLoop.RunAsync(stop.Token), restoreLoop.RunAsync(stop.Token),
        ];
        try
        {
            // None of them ends by itself; one that breaks ends the process, because half an agent looks like a whole one.
            await await Task.WhenAny([.. tasks, heartbeat]);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(tasks).ContinueWith(static _ => { }, TaskScheduler.Default);
            await Task.WhenAll(backupRuns.StopAsync(_options.StopGrace, _options.StopLimit), restoreRuns.StopAsync(_options.StopGrace, _options.StopLimit));
            // Not before: for the controller, who has given the lease back works on nothing any more.
            await silence.CancelAsync();
            await heartbeat.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private InformerOptions Following(Action<MalformedObject> malformed) => new() { Namespace = _options.Namespace, Log = _log, OnMalformed = malformed };
}
