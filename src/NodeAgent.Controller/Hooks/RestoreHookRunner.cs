using System.Security.Cryptography;
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
    private const string InitPrefix = "init.hook.restore.velero.io/";
    private const string PostPrefix = "post.hook.restore.velero.io/";

    private static readonly TimeSpan DefaultExecTimeout = TimeSpan.FromSeconds(30);

    private readonly List<Task> _running = [];
    private int _attempted;
    private int _failed;

    /// <summary>The counts for the status; null when there was no hook.</summary>
    public JsonObject? Status => _attempted == 0 ? null : new JsonObject { ["hooksAttempted"] = _attempted, ["hooksFailed"] = _failed };

    /// <summary>Adds the init containers that the pod's annotations or the restore ask for, behind the one that waits for volumes.</summary>
    public void AddInitContainers(JsonObject pod, string ns)
    {
        var wanted = InitFromAnnotations(pod) ?? InitFromSpec(pod, ns);
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
        var hooks = PostFromAnnotations(pod) ?? PostFromSpec(pod);
        if (hooks.Count > 0) _running.Add(RunAsync(pod, hooks, cancellation));
    }

    /// <summary>Waits until all commands have ended; each has timeouts of its own.</summary>
    public Task FinishAsync() => Task.WhenAll(_running);

    private static List<JsonObject>? InitFromAnnotations(JsonObject pod)
    {
        if (pod.Annotation(InitPrefix + "container-image") is not { Length: > 0 } image) return null;
        var container = new JsonObject
        {
            ["name"] = pod.Annotation(InitPrefix + "container-name") is { Length: > 0 } name ? name : "velero-restore-init-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)),
            ["image"] = image,
        };
        if (pod.Annotation(InitPrefix + "command") is { Length: > 0 } command)
        {
            container["command"] = new JsonArray([.. HookSelection.Words(command).Select(w => (JsonNode)w)]);
        }

        return [container];
    }

    private static TimeSpan Duration(string? text, TimeSpan otherwise) => GoDuration.TryParse(text, out var duration) && duration > TimeSpan.Zero ? duration : otherwise;

    private static string FirstContainer(JsonObject pod) => pod.Objects("spec", "containers").FirstOrDefault().Text("name") ?? "";

    private List<JsonObject> InitFromSpec(JsonObject pod, string ns) =>
        [.. Applying(pod, ns).SelectMany(s => s.PostHooks ?? []).SelectMany(h => h.Init?.InitContainers ?? []).Select(c => JsonNode.Parse(c.GetRawText())).OfType<JsonObject>()];

    private IEnumerable<RestoreResourceHookSpec> Applying(JsonObject pod, string ns) => (scope.Restore.Spec.Hooks?.Resources ?? []).Where(s =>
        HookSelection.Applies(pod, ns, s.LabelSelector, (s.IncludedNamespaces, s.ExcludedNamespaces), (s.IncludedResources, s.ExcludedResources)));

    private List<RestoreHook>? PostFromAnnotations(JsonObject pod)
    {
        if (pod.Annotation(PostPrefix + "command") is not { Length: > 0 } command) return null;
        return [new RestoreHook
        {
            Hook = new PodHook
            {
                Name = PostPrefix.TrimEnd('/'),
                Container = pod.Annotation(PostPrefix + "container") is { Length: > 0 } container ? container : FirstContainer(pod),
                Command = HookSelection.Words(command),
                Timeout = Duration(pod.Annotation(PostPrefix + "exec-timeout"), DefaultExecTimeout),
                FailsPod = pod.Annotation(PostPrefix + "on-error") == "Fail",
            },
            // Without an end of its own a command for a container that never starts would keep the restore for ever.
            Wait = Duration(pod.Annotation(PostPrefix + "wait-timeout"), scope.Options.ResourceTimeout),
            UntilReady = string.Equals(pod.Annotation(PostPrefix + "wait-for-ready"), "true", StringComparison.OrdinalIgnoreCase),
        }];
    }

    private List<RestoreHook> PostFromSpec(JsonObject pod) =>
        [.. Applying(pod, pod.Namespace()).SelectMany(s => (s.PostHooks ?? []).Where(h => h.Exec?.Command is { Count: > 0 }).Select(h => new RestoreHook
        {
            Hook = new PodHook
            {
                Name = s.Name ?? "",
                Container = h.Exec!.Container is { Length: > 0 } container ? container : FirstContainer(pod),
                Command = h.Exec.Command!,
                Timeout = h.Exec.ExecTimeout is { } timeout && timeout > TimeSpan.Zero ? timeout : DefaultExecTimeout,
                FailsPod = h.Exec.OnError == "Fail",
            },
            Wait = h.Exec.WaitTimeout is { } wait && wait > TimeSpan.Zero ? wait : scope.Options.ResourceTimeout,
            UntilReady = h.Exec.WaitForReady == true,
        }))];

    private async Task RunAsync(JsonObject pod, IReadOnlyList<RestoreHook> hooks, CancellationToken cancellation)
    {
        foreach (var hook in hooks)
        {
            Interlocked.Increment(ref _attempted);
            var what = $"hook {hook.Hook.Name} in container {hook.Hook.Container} of pod {pod.QualifiedName()}";
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
