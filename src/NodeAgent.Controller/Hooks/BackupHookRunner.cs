using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Hooks;

/// <summary>
/// Runs the hooks of a backup's pods: those before at once, those after when the pod's volumes have ended, without holding up
/// the other pods. Hooks after run whatever became of the backup, since they undo what those before did, but a backup that was ended early does
/// not wait for them for as long as they may take otherwise.
/// Safe for concurrent use.
/// </summary>
internal sealed class BackupHookRunner(ClusterClient cluster, ControllerOptions options, TimeProvider time, BackupHooks? hooks, RunLog log)
{
    private readonly ConcurrentBag<Task> _after = [];
    private int _attempted;
    private int _failed;

    /// <summary>The counts for the status, without those that are zero.</summary>
    public JsonObject Status
    {
        get
        {
            var status = new JsonObject();
            if (_attempted > 0) status["hooksAttempted"] = _attempted;
            if (_failed > 0) status["hooksFailed"] = _failed;
            return status;
        }
    }

    /// <summary>Runs the hooks before the backup of a pod. False when one failed that the pod's backup depends on.</summary>
    public Task<bool> RunBeforeAsync(JsonObject pod, CancellationToken cancellation) => RunAsync(pod, HookSelection.Before(pod, hooks), cancellation);

    /// <summary>Runs the hooks after the backup of a pod as soon as its volumes have ended.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="volumesEnded">Waits for the volumes, and no longer than the backup runs.</param>
    /// <param name="ended">Cancelled when the backup ends early.</param>
    public void RunAfter(JsonObject pod, Func<Task> volumesEnded, CancellationToken ended)
    {
        var after = HookSelection.After(pod, hooks);
        if (after.Count > 0) _after.Add(RunAfterAsync(pod, after, volumesEnded, ended));
    }

    /// <summary>Waits until all hooks have ended; each has a timeout of its own.</summary>
    public Task FinishAsync() => Task.WhenAll(_after);

    private async Task RunAfterAsync(JsonObject pod, IReadOnlyList<PodHook> after, Func<Task> volumesEnded, CancellationToken ended)
    {
        try
        {
            await volumesEnded();
        }
        catch (Exception e) when (e is OperationCanceledException or ApiException or HttpRequestException)
        {
            // The run says why elsewhere. An application that was stopped for the backup must go on all the same.
        }

        using var limit = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        await using var registration = ended.Register(() => limit.CancelAfter(options.HookGracePeriod));
        try
        {
            await RunAsync(pod, after, limit.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            Interlocked.Increment(ref _failed);
            log.Error(pod.Namespace(), $"hooks after pod {pod.QualifiedName()}: they had not ended {GoDuration.Format(options.HookGracePeriod)} after the backup was ended early, and are given up; see whether the pod goes on");
        }
    }

    private async Task<bool> RunAsync(JsonObject pod, IReadOnlyList<PodHook> toRun, CancellationToken cancellation)
    {
        if (toRun.Count == 0) return true;
        if (pod.Text("status", "phase") != "Running")
        {
            log.Info($"pods {pod.QualifiedName()}: its hooks are not run, because it is not running");
            return true;
        }

        // Also those that are not run since one before them failed, as Velero counts.
        Interlocked.Add(ref _attempted, toRun.Count);
        foreach (var hook in toRun)
        {
            var what = $"hook {hook.Name} in container {hook.Container} of pod {pod.QualifiedName()}";
            if (hook.Mistake is { } mistake) log.Warn(pod.Namespace(), $"{what}: {mistake}");
            if (await HookCommand.RunAsync(cluster, pod.Namespace(), pod.Name(), hook, cancellation) is not { } problem)
            {
                log.Info($"{what}: done");
                continue;
            }

            // An error of the backup in any case, as in Velero: onError says whether the pod's turn goes on.
            Interlocked.Increment(ref _failed);
            log.Error(pod.Namespace(), $"{what}: {problem}");
            if (hook.FailsPod) return false;
        }

        return true;
    }
}
