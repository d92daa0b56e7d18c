using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Objects;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Maintenance;

/// <summary>
/// Says on each BackupRepository whether it can be used, and runs its maintenance when it is due: one run at a time, since each has
/// the index of a repository in memory, and beside backups, which it never holds up.
/// </summary>
internal sealed class RepositoryReconciler(ClusterClient cluster, StorageLocations locations, LocationRepositories repositories, ControllerOptions options, ControllerServices services)
{
    // As many as Velero keeps.
    private const int MaxRecent = 25;

    private static readonly TimeSpan QueuePoll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Task> _running = new(StringComparer.Ordinal);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject cached, CancellationToken cancellation)
    {
        if (!RepositoryObjects.IsOurs(cached)) return null;
        if (_running.ContainsKey(cached.Uid())) return QueuePoll;
        if (await cluster.GetAsync(VeleroResources.BackupRepositories, options.Namespace, cached.Name(), cancellation) is not { } item) return null;
        if (item.Text("metadata", "deletionTimestamp") is not null) return null;
        var name = item.Text("spec", "backupStorageLocation") ?? "";
        var location = await locations.FindAsync(name, cancellation);
        if (StorageLocations.ProblemOf(location, name, forWriting: false) is { } problem)
        {
            await WriteStateAsync(item, BackupRepositoryPhase.NotReady, problem, cancellation);
            return LookAgain;
        }

        if (location!.Spec.AccessMode == LocationAccessMode.ReadOnly)
        {
            await WriteStateAsync(item, BackupRepositoryPhase.Ready, $"location \"{name}\" is read-only: who writes to it maintains it", cancellation);
            return null;
        }

        if (options.RestoreOnly)
        {
            await WriteStateAsync(item, BackupRepositoryPhase.Ready, StorageLocations.RestoreOnlyReason, cancellation);
            return null;
        }

        var (settings, mistake) = MaintenanceSettings.Of(item, options);
        if (mistake is not null)
        {
            await WriteStateAsync(item, BackupRepositoryPhase.NotReady, mistake, cancellation);
            return null;
        }

        var isReady = await LookAsync(item, location, cancellation);
        if (MaintenanceTiming.UntilDue(item, options.DefaultRepoMaintainFrequency, services.Time.GetUtcNow()) is not { } wait) return isReady ? null : LookAgain;
        if (wait > TimeSpan.Zero) return isReady || wait < LookAgain ? wait : LookAgain;
        if (!isReady && !HasFailed(item)) return LookAgain;
        if (!_running.IsEmpty) return QueuePoll;
        await TakeRequestAsync(item, cancellation);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running[item.Uid()] = ended.Task;
        // The run lives longer than this call; it reports its own end and is awaited by DrainAsync.
        _ = RunAsync(item, new MaintenanceRun(repositories, locations, settings, options, services.Time), location, ended, cancellation);
        return QueuePoll;
    }

    /// <summary>Waits until no run is left; they end early when their token is cancelled.</summary>
    public Task DrainAsync() => Task.WhenAll(_running.Values);

    private static bool HasFailed(JsonObject item) => item.Objects("status", "recentMaintenance").LastOrDefault().Text("result") == MaintenanceOutcome.Failed;

    /// <summary>Finds out whether there is a repository, unless that is known.</summary>
    private async Task<bool> LookAsync(JsonObject item, BackupStorageLocation location, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") == BackupRepositoryPhase.Ready && item.Text("status", "message") is null or "") return true;
        // What the last run said stands until the next one says better.
        if (HasFailed(item))
        {
            await WriteStateAsync(item, BackupRepositoryPhase.NotReady, item.Objects("status", "recentMaintenance").Last().Text("message"), cancellation);
            return false;
        }

        try
        {
            var exists = await repositories.ExistsAsync(location, cancellation);
            await WriteStateAsync(item, exists ? BackupRepositoryPhase.Ready : BackupRepositoryPhase.New, exists ? null : "no volume was backed up to the location yet", cancellation);
            return exists;
        }
        catch (Exception e) when (e is RepositoryException || BucketFailure.IsCauseOf(e))
        {
            await WriteStateAsync(item, BackupRepositoryPhase.NotReady, e.Message, cancellation);
            return false;
        }
    }

    /// <summary>Before the run, so that one that is made while it works brings another.</summary>
    private async Task TakeRequestAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Annotation(MaintenanceTiming.Requested) is null) return;
        await cluster.PatchAsync(VeleroResources.BackupRepositories, options.Namespace, item.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [MaintenanceTiming.Requested] = null } },
        }, null, cancellation);
    }

    private async Task RunAsync(JsonObject item, MaintenanceRun run, BackupStorageLocation location, TaskCompletionSource ended, CancellationToken cancellation)
    {
        var (name, began) = (item.Name(), services.Time.GetUtcNow());
        try
        {
            var outcome = await TryExecuteAsync(run, location, name, cancellation);
            var now = services.Time.GetUtcNow();
            services.Telemetry.MaintenanceEnded(name, outcome.IsSuccess, now - began, outcome.FreedBytes, outcome.Damaged);
            services.Log.Ended("maintenance of repository", name, $"{outcome.Result}: {outcome.Message}");
            await Outage.OutlastAsync(() => RecordAsync(name, outcome, began, now, cancellation), options.FsBackupTimeout, services.Time, reason => services.Log.Waiting("repository", name, reason), cancellation);
            await TellAsync(item, outcome, now, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Nothing is recorded, so that it is due again at the next start; what was done is done.
        }
        catch (Exception e)
        {
            // The top of a run, that nobody awaits for its exception.
            services.Log.RunFailed("maintenance of repository", name, e);
        }
        finally
        {
            _running.TryRemove(item.Uid(), out _);
            ended.SetResult();
        }
    }

    private async Task<MaintenanceOutcome> TryExecuteAsync(MaintenanceRun run, BackupStorageLocation location, string name, CancellationToken cancellation)
    {
        try
        {
            return await run.ExecuteAsync(location, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            // Whatever went wrong, the object must say so, and the next attempt comes at its time.
            services.Log.RunFailed("maintenance of repository", name, e);
            return new MaintenanceOutcome(MaintenanceOutcome.Failed, e.Message);
        }
    }

    private async Task<bool> RecordAsync(string name, MaintenanceOutcome outcome, DateTimeOffset began, DateTimeOffset ended, CancellationToken cancellation)
    {
        if (await cluster.GetAsync(VeleroResources.BackupRepositories, options.Namespace, name, cancellation) is not { } item) return false;
        var entry = new JsonObject
        {
            ["result"] = outcome.Result,
            ["startTimestamp"] = ApiTimeConverter.Format(began),
            ["completeTimestamp"] = ApiTimeConverter.Format(ended),
            ["message"] = outcome.Message,
        };
        var recent = item.Objects("status", "recentMaintenance").TakeLast(MaxRecent - 1).Select(e => e.DeepClone()).Append(entry);
        var status = new JsonObject
        {
            ["phase"] = outcome.IsSuccess ? BackupRepositoryPhase.Ready : BackupRepositoryPhase.NotReady,
            ["message"] = outcome.IsSuccess ? null : outcome.Message,
            ["recentMaintenance"] = new JsonArray([.. recent]),
        };
        if (outcome.IsSuccess) status["lastMaintenanceTime"] = ApiTimeConverter.Format(ended);
        return await cluster.PatchStatusAsync(VeleroResources.BackupRepositories, options.Namespace, name, status, cancellation);
    }

    /// <summary>An event, for who watches those; it may be lost.</summary>
    private async Task TellAsync(JsonObject item, MaintenanceOutcome outcome, DateTimeOffset now, CancellationToken cancellation)
    {
        var time = ApiTimeConverter.Format(now);
        var body = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Event",
            ["metadata"] = new JsonObject { ["generateName"] = item.Name() + ".", ["namespace"] = options.Namespace },
            ["involvedObject"] = new JsonObject
            {
                ["apiVersion"] = VeleroResources.ApiVersion,
                ["kind"] = BackupRepository.KindName,
                ["name"] = item.Name(),
                ["namespace"] = options.Namespace,
                ["uid"] = item.Uid(),
            },
            ["type"] = outcome.IsSuccess ? "Normal" : "Warning",
            ["reason"] = outcome.IsSuccess ? "MaintenanceSucceeded" : outcome.Damaged > 0 ? "RepositoryDamaged" : "MaintenanceFailed",
            ["message"] = outcome.Message,
            ["source"] = new JsonObject { ["component"] = "nodeagent-controller" },
            ["firstTimestamp"] = time,
            ["lastTimestamp"] = time,
            ["count"] = 1,
        };
        try
        {
            await cluster.CreateAsync(KubernetesResources.Events, options.Namespace, body, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            services.Log.Waiting("repository", item.Name(), $"no event was written: {e.Message}");
        }
    }

    private async Task WriteStateAsync(JsonObject item, string phase, string? message, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") == phase && (item.Text("status", "message") ?? "") == (message ?? "")) return;
        await cluster.PatchStatusAsync(VeleroResources.BackupRepositories, options.Namespace, item.Name(), new JsonObject { ["phase"] = phase, ["message"] = message }, cancellation);
    }
}
