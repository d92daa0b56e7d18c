using System.Text.Json.Nodes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Objects;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Agent.Runs;

/// <summary>What a backup and a restore of a volume have in common: progress while it works, and an end that is always written down.</summary>
internal static class VolumeRun
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    // Well over what the update of an API server takes.
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    /// <summary>Does the work, writes its progress and its end into the object. Returns the phase that it ended in, or null when it was stopped with the process: the next agent of the node takes it up. Throws nothing.</summary>
    /// <param name="uid">The object's UID, by which the registry knows the run.</param>
    /// <param name="work">Gets the run's status and token, and returns how it ended or throws.</param>
    /// <param name="cancellation">Cancelled by the user's wish or with the process.</param>
    public static async Task<string?> ExecuteAsync(
        AgentServices services, RunRegistry registry, ResourceKind kind, NamespacedName key, string uid, Func<RunStatus, CancellationToken, Task<RunOutcome>> work, CancellationToken cancellation)
    {
        var status = new RunStatus(services.Client, kind, key, services.Options, services.Log);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var progress = status.WriteProgressAsync(ended.Token);
        RunOutcome? outcome;
        try
        {
            outcome = await OutlastAsync(services, kind, key, () => work(status, cancellation), cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            outcome = registry.ReasonOf(uid) switch
            {
                { Length: > 0 } reason => new RunOutcome(PodVolumePhase.Failed, reason, []),
                null when registry.IsStopping => null,
                _ => new RunOutcome(PodVolumePhase.Canceled, "cancelled on request", []),
            };
        }
        catch (Exception e) when (e is AgentException or RepositoryException or LocationException or IOException or UnauthorizedAccessException or ApiException or HttpRequestException or ClusterConfigException)
        {
            outcome = new RunOutcome(PodVolumePhase.Failed, e.Message, []);
        }
        catch (OutOfMemoryException e)
        {
            services.Log.Broke(kind.Kind, key.Name, e);
            outcome = new RunOutcome(PodVolumePhase.Failed, $"the memory of the agent on node {services.Options.NodeName} is not enough for this volume ({WorkerCount.ProcessMemory >> 20} MiB for all of its objects): raise the memory limit of the DaemonSet", []);
        }
        catch (Exception e)
        {
            // The top of a run: what one volume brings about must not stop the others, nor be lost.
            services.Log.Broke(kind.Kind, key.Name, e);
            outcome = new RunOutcome(PodVolumePhase.Failed, $"unexpected: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} (the log of the agent on node {services.Options.NodeName} says more)", []);
        }

        // No progress after the end.
        await ended.CancelAsync();
        await progress;
        if (outcome is null)
        {
            services.Log.Left(kind.Kind, key.Name);
            return null;
        }

        await status.WriteEndAsync(outcome.Phase, outcome.Message, outcome.Status, registry.LastWords);
        return outcome.Phase;
    }

    /// <summary>
    /// Does the work, again when the API server was away for one of its questions: for where the volume and its location are, before it
    /// begins, or whether the pod is still there, at its end. What was done before is not done twice: chunks are in the repository, files in the volume.
    /// </summary>
    private static async Task<RunOutcome> OutlastAsync(AgentServices services, ResourceKind kind, NamespacedName key, Func<Task<RunOutcome>> work, CancellationToken cancellation)
    {
        long? since = null;
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                return await work();
            }
            catch (Exception e) when (ServerOutage.IsCauseOf(e))
            {
                since ??= services.Time.GetTimestamp();
                if (services.Time.GetElapsedTime(since.Value) >= Patience) throw;
                services.Log.WaitsForServer(kind.Kind, key.Name, wait.TotalSeconds, e.Message);
            }

            await Task.Delay(wait, services.Time, cancellation);
        }
    }

    /// <summary>"3 files were not backed up as they were, the first: path: what: why".</summary>
    public static string Describe(long count, string done, IReadOnlyList<FileIssue> issues)
    {
        var first = issues.Count > 0 ? issues[0].ToString() : "not recorded";
        return count == 1 ? $"1 file was not {done} as it was: {first}" : $"{count} files were not {done} as they were, the first: {first}";
    }
}
