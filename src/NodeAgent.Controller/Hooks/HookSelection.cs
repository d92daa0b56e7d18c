using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Hooks;

/// <summary>Finds the hooks of a pod: those in its annotations if there are any for the phase, else those of the backup that match it.</summary>
internal static class HookSelection
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    public static IReadOnlyList<PodHook> Before(JsonObject pod, BackupHooks? hooks) =>
        FromAnnotations(pod, "pre.hook.backup.velero.io/") ?? FromAnnotations(pod, "hook.backup.velero.io/") ?? FromSpec(pod, hooks, h => h.Pre);

    public static IReadOnlyList<PodHook> After(JsonObject pod, BackupHooks? hooks) =>
        FromAnnotations(pod, "post.hook.backup.velero.io/") ?? FromSpec(pod, hooks, h => h.Post);

    private static List<PodHook>? FromAnnotations(JsonObject pod, string prefix)
    {
        var annotations = new HookAnnotations(pod, prefix);
        if (annotations.Text("command") is not { } command) return null;
        var (timeout, fails) = (annotations.Duration("timeout", DefaultTimeout), annotations.Fails(otherwise: true));
        return [new PodHook
        {
            Name = prefix.TrimEnd('/'),
            Container = annotations.Text("container") ?? FirstContainer(pod),
            Command = Words(command),
            Timeout = timeout,
            FailsPod = fails,
            Mistake = annotations.Mistake,
        }];
    }

    private static List<PodHook> FromSpec(JsonObject pod, BackupHooks? hooks, Func<BackupResourceHookSpec, IReadOnlyList<BackupResourceHook>?> phase)
    {
        var found = new List<PodHook>();
        foreach (var spec in (hooks?.Resources ?? []).Where(s =>
            Applies(pod, pod.Namespace(), s.LabelSelector, (s.IncludedNamespaces, s.ExcludedNamespaces), (s.IncludedResources, s.ExcludedResources))))
        {
            found.AddRange((phase(spec) ?? []).Where(h => h.Exec?.Command is { Count: > 0 }).Select(h => new PodHook
            {
                Name = spec.Name ?? "",
                Container = h.Exec!.Container is { Length: > 0 } container ? container : FirstContainer(pod),
                Command = h.Exec.Command!,
                Timeout = h.Exec.Timeout is { } timeout && timeout > TimeSpan.Zero ? timeout : DefaultTimeout,
                FailsPod = h.Exec.OnError != "Continue",
            }));
        }

        return found;
    }

    /// <summary>Whether a hook with these filters is meant for the pod, taken as being in the given namespace.</summary>
    public static bool Applies(
        JsonObject pod,
        string ns,
        LabelSelector? labels,
        (IReadOnlyList<string>? Included, IReadOnlyList<string>? Excluded) namespaces,
        (IReadOnlyList<string>? Included, IReadOnlyList<string>? Excluded) resources) =>
        new IncludesExcludes(namespaces.Included, namespaces.Excluded).ShouldInclude(ns)
        && new IncludesExcludes(Lower(resources.Included), Lower(resources.Excluded)).ShouldInclude("pods")
        && new LabelSelectors(labels, null).Matches(pod);

    private static List<string>? Lower(IReadOnlyList<string>? names) =>
        names?.Select(n => n.ToLowerInvariant() is "pod" or "po" ? "pods" : n.ToLowerInvariant()).ToList();

    /// <summary>A JSON array of words, or one word as it stands.</summary>
    public static IReadOnlyList<string> Words(string command)
    {
        if (!command.StartsWith('[')) return [command];
        try
        {
            return JsonNode.Parse(command) is JsonArray array ? [.. array.Select(w => w?.ToString() ?? "")] : [command];
        }
        catch (JsonException)
        {
            return [command];
        }
    }

    public static string FirstContainer(JsonObject pod) => pod.Objects("spec", "containers").FirstOrDefault().Text("name") ?? "";
}
