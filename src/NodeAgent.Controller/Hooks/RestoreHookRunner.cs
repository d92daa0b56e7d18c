using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
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
    public void RunAfter(JsonObject pod, CancellationToken cancellation)
    {
        // Each in turn, since a later one may build on an earlier one.
        // Without an end of its own a command for a container that never starts would keep the restore for ever.
        var hooks = RestoreHookSelection.Commands(pod, scope.Restore.Spec.Hooks, scope.Options.ResourceTimeout);
        if (hooks.Count > 0) _running.Add(RunAsync(pod, hooks, cancellation));
    }

    /// <summary>Waits until all commands have ended; each has timeouts of its own.</summary>
    public Task FinishAsync() => Task.WhenAll(_running);

    private async Task RunAsync(JsonObject pod, IReadOnlyList<RestoreHook> hooks, CancellationToken cancellation)
    {
        // Also those that are not run since one before them failed, as Velero counts.
        Interlocked.Add(ref _attempted, hooks.Count);
        foreach (var hook in hooks)
        {
            var what = $"hook {hook.Hook.Name} in container {hook.Hook.Container} of pod {pod.QualifiedName()}";
            if (hook.Hook.Mistake is { } mistake) scope.Log.Warn(pod.Namespace(), $"{what}: {mistake}");
            if (await ProblemAsync(pod, hook, cancellation) is not { } problem)
            {
                scope.Log.Info($"{what}: done");
                continue;
            }

            Interlocked.Increment(ref _failed);
            if (!hook.Hook.FailsPod)
            {
                scope.Log.Warn(pod.Namespace(), $"{what}: {problem}");
                continue;
            }

            scope.Log.Error(pod.Namespace(), $"{what}: {problem}; the pod's further hooks are not run");
            return;
        }
    }

    private async Task<string?> ProblemAsync(JsonObject pod, RestoreHook hook, CancellationToken cancellation)
    {
        try
        {
            var started = scope.Time.GetTimestamp();
            while (!IsUp(await Outage.OutlastAsync(
                () => scope.Cluster.GetAsync(KubernetesResources.Pods, pod.Namespace(), pod.Name(), cancellation), hook.Wait - scope.Time.GetElapsedTime(started), scope.Time, null, cancellation), hook))
            {
                if (scope.Time.GetElapsedTime(started) > hook.Wait) return $"the container did not come up within {GoDuration.Format(hook.Wait)}";
                await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
            }

            return await HookCommand.RunAsync(scope.Cluster, pod.Namespace(), pod.Name(), hook.Hook, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            return e.Message;
        }
    }

    private static bool IsUp(JsonObject? pod, RestoreHook hook) => pod.Objects("status", "containerStatuses").Any(s =>
        s.Text("name") == hook.Hook.Container && s.At("state", "running") is not null && (!hook.UntilReady || s.IsTrue("ready")));
}
