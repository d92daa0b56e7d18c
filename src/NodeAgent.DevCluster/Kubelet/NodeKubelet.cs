using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Interop;
using NodeAgent.DevCluster.Lifecycle;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Kubelet;

/// <summary>
/// Stands in for one node's kubelet: makes the volumes of its pods and reports their containers as running. No container
/// runs, except that the work of an init container named restore-wait is done here.
/// </summary>
internal sealed class NodeKubelet(NodePlace place, PodVolumes volumes, ObjectStore store, ResourceRegistry registry, ResourceWriter writer, EventRecorder events) : IController
{
    private const string RestoreWait = "restore-wait";

    private readonly Dictionary<ObjectKey, string> _known = [];
    private int _addresses;

    public void Reconcile()
    {
        var type = registry.Get("", "pods");
        var here = new HashSet<string>();
        foreach (var stored in store.List("pods").Where(p => p.Content.Text("spec", "nodeName") == place.Name))
        {
            var pod = stored.Content;
            here.Add(pod.Uid());
            _known[stored.Key] = pod.Uid();
            try
            {
                Reconcile(type, stored.Key, pod);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or Api.ApiException)
            {
                // The disk refused or the pod changed underneath: the other pods go on, this one is tried again.
                events.Record(pod, "Warning", "FailedSync", e.Message, "kubelet");
            }
        }
        // Pods that were deleted by force left without a word.
        foreach (var (key, uid) in _known.Where(k => !here.Contains(k.Value)).ToList())
        {
            volumes.TearDown(uid);
            _known.Remove(key);
        }
    }

    private void Reconcile(ResourceType type, ObjectKey key, JsonObject pod)
    {
        if (pod.IsDeleting())
        {
            // Containers that do not run end at once; the rest of the grace period is not waited for.
            volumes.TearDown(pod.Uid());
            if (pod.Number(0, "metadata", "deletionGracePeriodSeconds") > 0 || !pod.Finalizers().Any())
                writer.FinishPod(key);
        }
        else if (place.StartsPods && pod.Text("status", "phase") == "Pending")
            Start(type, key, pod);
    }

    private void Start(ResourceType type, ObjectKey key, JsonObject pod)
    {
        var now = events.Now;
        if (volumes.SetUp(pod) is { } problem)
        {
            events.Record(pod, "Warning", "FailedMount", problem, "kubelet");
            writer.Change(type, key, p => ReportWaiting(p, "ContainerCreating", now));
            return;
        }
        var inits = pod.Items("spec", "initContainers").ToList();
        var waiting = inits.FindIndex(c => c.Text("name") == RestoreWait && !RestoreDone(pod, c));
        writer.Change(type, key, p =>
        {
            var status = p.Child("status");
            status.SetDefault("startTime", now);
            status["hostIP"] = $"10.0.0.{place.Index + 1}";
            if (status.Text("podIP").Length == 0)
            {
                _addresses++;
                var ip = string.Create(CultureInfo.InvariantCulture, $"10.244.{place.Index}.{1 + _addresses % 254}");
                status["podIP"] = ip;
                status["podIPs"] = new JsonArray(new JsonObject { ["ip"] = ip });
            }
            if (inits.Count > 0)
                status["initContainerStatuses"] = new JsonArray([.. inits.Select((c, i) => (JsonNode)InitStatus(p, c, i, waiting, now))]);
            if (waiting >= 0)
                ReportWaiting(p, "PodInitializing", now);
            else
                ReportRunning(p, now);
        });
        if (waiting < 0)
            events.Record(pod, "Normal", "Started", "Started every container (none runs in this cluster)", "kubelet");
    }

    /// <summary>True once each restored volume holds its mark, which is then removed, as the real init container does.</summary>
    private bool RestoreDone(JsonObject pod, JsonObject container)
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
            if (volume is null || volumes.PathOf(pod, volume) is not { } path)
                continue;
            if (!File.Exists(Path.Combine(path, ".velero", mark)))
                return false;
            marks.Add(Path.Combine(path, ".velero"));
        }
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

    private static void ReportWaiting(JsonObject pod, string reason, string now)
    {
        var status = pod.Child("status");
        status["containerStatuses"] = new JsonArray([.. pod.Items("spec", "containers").Select(c =>
            (JsonNode)ContainerStatus(c, new JsonObject { ["waiting"] = new JsonObject { ["reason"] = reason } }, ready: false, started: false))]);
        Conditions(status, initialized: false, ready: false, now);
    }

    private static void ReportRunning(JsonObject pod, string now)
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
