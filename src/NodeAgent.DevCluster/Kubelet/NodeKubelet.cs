using System.Globalization;
using System.Text.Json.Nodes;
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
            writer.Change(type, key, p => PodReport.Waiting(p, "ContainerCreating", now));
            return;
        }
        var waiting = PodReport.WaitingInitContainer(pod, volumes.PathOf);
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
            PodReport.Started(p, waiting, now);
        });
        if (waiting < 0)
            events.Record(pod, "Normal", "Started", "Started every container (none runs in this cluster)", "kubelet");
    }
}
