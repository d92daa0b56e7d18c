using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Interop;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Kubelet;

/// <summary>What a kubelet that runs no container writes into the status of a pod, and the work of an init container named restore-wait.</summary>
internal static class PodReport
{
    private const string RestoreWait = "restore-wait";

    /// <summary>The index of the init container that still waits for restored files; negative when none does.</summary>
    /// <param name="pathOf">Where a volume's files are on the node; null for one that has no directory of its own.</param>
    public static int WaitingInitContainer(JsonObject pod, Func<JsonObject, JsonObject, string?> pathOf) =>
        pod.Items("spec", "initContainers").ToList().FindIndex(c => c.Text("name") == RestoreWait && !RestoreDone(pod, c, pathOf));

    /// <summary>Writes that all containers run, or that they wait for an init container.</summary>
    public static void Started(JsonObject pod, int waiting, string now)
    {
        var inits = pod.Items("spec", "initContainers").ToList();
        if (inits.Count > 0)
            pod.Child("status")["initContainerStatuses"] = new JsonArray([.. inits.Select((c, i) => (JsonNode)InitStatus(pod, c, i, waiting, now))]);
        if (waiting >= 0)
            Waiting(pod, "PodInitializing", now);
        else
            Running(pod, now);
    }

    /// <summary>Writes that no container runs yet.</summary>
    public static void Waiting(JsonObject pod, string reason, string now)
    {
        var status = pod.Child("status");
        status["containerStatuses"] = new JsonArray([.. pod.Items("spec", "containers").Select(c =>
            (JsonNode)ContainerStatus(c, new JsonObject { ["waiting"] = new JsonObject { ["reason"] = reason } }, ready: false, started: false))]);
        Conditions(status, initialized: false, ready: false, now);
    }

    /// <summary>True once the mark of each restored volume is there, which is then removed where the real init container would do so.</summary>
    private static bool RestoreDone(JsonObject pod, JsonObject container, Func<JsonObject, JsonObject, string?> pathOf)
    {
        if (pod.Items("status", "initContainerStatuses").FirstOrDefault(s => s.Text("name") == RestoreWait).FindObject("state", "terminated") is not null)
            return true;
        // The mark is only looked for once the container is seen to run, so that every observer sees it running first.
        if (pod.Items("status", "initContainerStatuses").FirstOrDefault(s => s.Text("name") == RestoreWait).FindObject("state", "running") is null)
            return false;
        var arguments = (container["args"] as JsonArray ?? []).Select(a => a.Text()).ToList();
        var mark = arguments.FirstOrDefault(a => Guid.TryParse(a, out _)) ?? arguments.FirstOrDefault() ?? "";
        if (mark.Length == 0 || mark.Contains('/'))
            return false;
        var marks = new List<string>();
        foreach (var mount in container.Items("volumeMounts").Where(m => m.Text("mountPath").StartsWith("/restores/", StringComparison.Ordinal)))
        {
            var volume = pod.Items("spec", "volumes").FirstOrDefault(v => v.Text("name") == mount.Text("name"));
            if (volume is null || pathOf(pod, volume) is not { } path)
                continue;
            path = Path.Combine(path, mount.Text("subPath"));
            if (!File.Exists(Path.Combine(path, ".velero", mark)))
                return false;
            marks.Add(Path.Combine(path, ".velero"));
        }
        if (container.Items("env").Any(e => e.Text("name") == "NODEAGENT_KEEP_MARKS"))
            return true;
        foreach (var directory in marks)
            DirectoryTree.KeepTime(Path.GetDirectoryName(directory)!, () => DirectoryTree.Remove(directory));
        return true;
    }

    private static JsonObject InitStatus(JsonObject pod, JsonObject container, int i, int waiting, string now)
    {
        var known = pod.Items("status", "initContainerStatuses").FirstOrDefault(s => s.Text("name") == container.Text("name")).FindObject("state");
        var started = known.Text("running", "startedAt") is { Length: > 0 } at ? at : now;
        var state = waiting < 0 || i < waiting
            ? known.FindObject("terminated") is { } ended
                ? new JsonObject { ["terminated"] = ended.DeepClone() }
                : new JsonObject { ["terminated"] = new JsonObject { ["exitCode"] = 0, ["reason"] = "Completed", ["startedAt"] = started, ["finishedAt"] = now } }
            : i == waiting
                ? new JsonObject { ["running"] = new JsonObject { ["startedAt"] = started } }
                : new JsonObject { ["waiting"] = new JsonObject { ["reason"] = "PodInitializing" } };
        return ContainerStatus(container, state, ready: waiting < 0 || i < waiting, started: i == waiting);
    }

    private static void Running(JsonObject pod, string now)
    {
        var status = pod.Child("status");
        // No container runs, so a job's work counts as done at once.
        var ends = pod.Text("spec", "restartPolicy") != "Always" && pod.ControllerRef().Text("kind") == "Job";
        status["phase"] = ends ? "Succeeded" : "Running";
        status["containerStatuses"] = new JsonArray([.. pod.Items("spec", "containers").Select(c => (JsonNode)ContainerStatus(
            c,
            ends
                ? new JsonObject { ["terminated"] = new JsonObject { ["exitCode"] = 0, ["reason"] = "Completed", ["startedAt"] = now, ["finishedAt"] = now } }
                : new JsonObject { ["running"] = new JsonObject { ["startedAt"] = now } },
            ready: !ends,
            started: !ends))]);
        Conditions(status, initialized: true, ready: !ends, now);
    }

    private static JsonObject ContainerStatus(JsonObject container, JsonObject state, bool ready, bool started) => new()
    {
        ["name"] = container.Text("name"),
        ["image"] = container.Text("image"),
        ["imageID"] = "",
        ["lastState"] = new JsonObject(),
        ["ready"] = ready,
        ["restartCount"] = 0,
        ["started"] = started,
        ["state"] = state,
    };

    private static void Conditions(JsonObject status, bool initialized, bool ready, string now)
    {
        var old = status.Items("conditions").ToDictionary(c => c.Text("type"), c => c);
        var list = new JsonArray();
        foreach (var (type, value) in ((string, bool)[])[("Initialized", initialized), ("Ready", ready), ("ContainersReady", ready), ("PodScheduled", true)])
        {
            var condition = Scheduler.Condition(type, value, now);
            // The time of a condition moves only when its status does.
            if (old.TryGetValue(type, out var known) && known.Text("status") == condition.Text("status"))
                condition["lastTransitionTime"] = known.Text("lastTransitionTime");
            list.Append(condition);
        }
        status["conditions"] = list;
    }
}
