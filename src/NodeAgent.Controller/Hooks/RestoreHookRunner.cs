using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Hooks;

/// <summary>
/// Runs the hooks of a restore's pods: init containers are put into the pod before it is created; commands run once their
/// container does, without holding up the other objects. Namespaces are the target ones.
/// </summary>
internal sealed class RestoreHookRunner(RestoreScope scope)
{
    private readonly List<Task> _running = [];
    private int _attempted;
    private int _failed;

    /// <summary>The counts for the status; null when there was no hook.</summary>
    public JsonObject? Status => _attempted == 0 ? null : new JsonObject { ["hooksAttempted"] = _attempted, ["hooksFailed"] = _failed };

    /// <summary>Adds the init containers that the pod's annotations or the restore ask for, behind the one that waits for volumes.</summary>
    public void AddInitContainers(JsonObject pod, string ns)
    {
        var wanted = RestoreHookSelection.InitContainers(pod, ns, scope.Restore.Spec.Hooks);
        if (wanted.Count == 0) return;
        var spec = pod.Child("spec");
        if (spec["initContainers"] is not JsonArray containers) spec["initContainers"] = containers = [];
        var at = containers.Count > 0 && containers[0].Text("name") == VeleroLabels.RestoreWaitContainer ? 1 : 0;
        foreach (var container in wanted) containers.Insert(at++, container);
    }

    /// <summary>Starts the commands of a pod that was just created.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="volumesEnded">Ends when no volume of the restore is filled any more.</param>
    /// <param name="cancellation">Ends them.</param>
    public void RunAfter(JsonObject pod, Task volumesEnded, CancellationToken cancellation)
    {
        // Each in turn, since a later one may build on an earlier one.
        // Without an end of its own a command for a container that never starts would keep the restore for ever.
        var hooks = RestoreHookSelection.Commands(pod, scope.Restore.Spec.Hooks, scope.Options.ResourceTimeout);
        if (hooks.Count > 0) _running.Add(RunAsync(pod, hooks, volumesEnded, cancellation));
    }

    /// <summary>Waits until all commands have ended; each has timeouts of its own.</summary>
    public Task FinishAsync() => Task.WhenAll(_running);

    private async Task RunAsync(JsonObject pod, IReadOnlyList<RestoreHook> hooks, Task volumesEnded, CancellationToken cancellation)
    {
        // Also those that are not run since one before them failed, as Velero counts.
        Interlocked.Add(ref _attempted, hooks.Count);
        foreach (var hook in hooks)
        {
            var what = $"hook {hook.Hook.Name} in container {hook.Hook.Container} of pod {pod.QualifiedName()}";
            if (hook.Hook.Mistake is { } mistake) scope.Log.Warn(pod.Namespace(), $"{what}: {mistake}");
            if (await ProblemAsync(pod, hook, volumesEnded, cancellation) is not { } problem)
            {
                scope.Log.Info($"{what}: done");
                continue;
            }

            // An error of the restore in any case, as in Velero: onError says whether the pod's other hooks follow.
            Interlocked.Increment(ref _failed);
            scope.Log.Error(pod.Namespace(), hook.Hook.FailsPod ? $"{what}: {problem}; the pod's further hooks are not run" : $"{what}: {problem}");
            if (hook.Hook.FailsPod) return;
        }
    }

    private async Task<string?> ProblemAsync(JsonObject pod, RestoreHook hook, Task volumesEnded, CancellationToken cancellation)
    {
        try
        {
            long? waitsSince = null;
            var started = scope.Time.GetTimestamp();
            var seen = started;
            while (true)
            {
                (seen, var current) = await scope.Pods.AfterAsync(seen, pod.Namespace(), pod.Name(), cancellation);
                if (current is null) return "the pod was deleted before its container came up";
                if (IsUp(current, hook)) break;
                if (current.Text("status", "phase") is ("Succeeded" or "Failed") and var phase) return $"the pod ended ({phase}) before its container came up";
                // No container of the pod can start while its volumes are filled, which may take hours.
                if (waitsSince is null && (volumesEnded.IsCompleted || !IsHeldBack(current))) waitsSince = scope.Time.GetTimestamp();
                if (waitsSince is { } since && scope.Time.GetElapsedTime(since) > hook.Wait) return $"the container did not come up within {GoDuration.Format(hook.Wait)}";
                await Task.Delay(PollPace.After(scope.Time.GetElapsedTime(started), scope.Options.PollInterval), scope.Time, cancellation);
            }

            return await HookCommand.RunAsync(scope.Cluster, pod.Namespace(), pod.Name(), hook.Hook, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            return e.Message;
        }
    }

    private static bool IsHeldBack(JsonObject pod) =>
        pod.Objects("spec", "initContainers").Any(c => c.Text("name") == VeleroLabels.RestoreWaitContainer)
        && !pod.Objects("status", "initContainerStatuses").Any(s => s.Text("name") == VeleroLabels.RestoreWaitContainer && s.At("state", "terminated") is not null);

    private static bool IsUp(JsonObject? pod, RestoreHook hook) => pod.Objects("status", "containerStatuses").Any(s =>
        s.Text("name") == hook.Hook.Container && s.At("state", "running") is not null && (!hook.UntilReady || s.IsTrue("ready")));
}
