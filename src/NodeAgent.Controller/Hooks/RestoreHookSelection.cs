using System.Security.Cryptography;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Hooks;

/// <summary>Finds the hooks of a restored pod: those in its annotations if there are any, else those of the restore that match it. Namespaces are the target ones.</summary>
internal static class RestoreHookSelection
{
    private const string InitPrefix = "init.hook.restore.velero.io/";
    private const string PostPrefix = "post.hook.restore.velero.io/";

    private static readonly TimeSpan DefaultExecTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The containers to run before those of the pod.</summary>
    public static IReadOnlyList<JsonObject> InitContainers(JsonObject pod, string ns, RestoreHooks? hooks)
    {
        var annotations = new HookAnnotations(pod, InitPrefix);
        if (annotations.Text("container-image") is not { } image)
        {
            return [.. Applying(pod, ns, hooks).SelectMany(s => s.PostHooks ?? []).SelectMany(h => h.Init?.InitContainers ?? []).Select(c => JsonNode.Parse(c.GetRawText())).OfType<JsonObject>()];
        }

        var container = new JsonObject
        {
            ["name"] = annotations.Text("container-name") ?? "velero-restore-init-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)),
            ["image"] = image,
        };
        if (annotations.Text("command") is { } command) container["command"] = new JsonArray([.. HookSelection.Words(command).Select(w => (JsonNode)w)]);
        return [container];
    }

    /// <summary>The commands to run once the pod's containers do.</summary>
    /// <param name="wait">How long to wait for a container where the hook does not say.</param>
    public static IReadOnlyList<RestoreHook> Commands(JsonObject pod, RestoreHooks? hooks, TimeSpan wait)
    {
        var annotations = new HookAnnotations(pod, PostPrefix);
        if (annotations.Text("command") is not { } command) return FromSpec(pod, hooks, wait);
        var (timeout, ownWait, fails, untilReady) = (annotations.Duration("exec-timeout", DefaultExecTimeout), annotations.Duration("wait-timeout", wait), annotations.Fails(otherwise: false), annotations.Flag("wait-for-ready"));
        return [new RestoreHook
        {
            Hook = new PodHook
            {
                Name = PostPrefix.TrimEnd('/'),
                Container = annotations.Text("container") ?? HookSelection.FirstContainer(pod),
                Command = HookSelection.Words(command),
                Timeout = timeout,
                FailsPod = fails,
                Mistake = annotations.Mistake,
            },
            Wait = ownWait,
            UntilReady = untilReady,
        }];
    }

    private static List<RestoreHook> FromSpec(JsonObject pod, RestoreHooks? hooks, TimeSpan wait) =>
        [.. Applying(pod, pod.Namespace(), hooks).SelectMany(s => (s.PostHooks ?? []).Where(h => h.Exec?.Command is { Count: > 0 }).Select(h => new RestoreHook
        {
            Hook = new PodHook
            {
                Name = s.Name ?? "",
                Container = h.Exec!.Container is { Length: > 0 } container ? container : HookSelection.FirstContainer(pod),
                Command = h.Exec.Command!,
                Timeout = h.Exec.ExecTimeout is { } timeout && timeout > TimeSpan.Zero ? timeout : DefaultExecTimeout,
                FailsPod = h.Exec.OnError == "Fail",
            },
            Wait = h.Exec.WaitTimeout is { } own && own > TimeSpan.Zero ? own : wait,
            UntilReady = h.Exec.WaitForReady == true,
        }))];

    private static IEnumerable<RestoreResourceHookSpec> Applying(JsonObject pod, string ns, RestoreHooks? hooks) => (hooks?.Resources ?? []).Where(s =>
        HookSelection.Applies(pod, ns, s.LabelSelector, (s.IncludedNamespaces, s.ExcludedNamespaces), (s.IncludedResources, s.ExcludedResources)));
}
