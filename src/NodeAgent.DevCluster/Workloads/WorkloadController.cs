using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Kubelet;
using NodeAgent.DevCluster.Lifecycle;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Workloads;

/// <summary>Deployments, replica sets, stateful sets, daemon sets and jobs, as far as applications need them to come up and scale.</summary>
internal sealed class WorkloadController(ObjectStore store, ResourceRegistry registry, ResourceWriter writer, EventRecorder events) : IController
{
    private readonly PodOwners _owners = new(store, registry, writer);

    public void Reconcile()
    {
        Each("deployments.apps", Deployment);
        Each("replicasets.apps", ReplicaSet);
        Each("statefulsets.apps", StatefulSet);
        Each("daemonsets.apps", DaemonSet);
        Each("jobs.batch", Job);
        foreach (var pod in store.List("pods").Where(p => !p.Content.IsDeleting()))
            ClaimEphemeral(pod.Content);
    }

    private void Each(string resource, Action<ResourceType, StoredObject> reconcile)
    {
        var type = registry.Get(resource[(resource.IndexOf('.') + 1)..], resource.Split('.')[0]);
        foreach (var obj in store.List(resource).Where(o => !o.Content.IsDeleting()))
        {
            try
            {
                reconcile(type, obj);
            }
            catch (ApiException e)
            {
                // A template that makes no valid pod, or a namespace going away, is that object's trouble alone.
                events.Record(obj.Content, "Warning", "FailedCreate", e.Message, "controller-manager");
            }
        }
    }

    private void Deployment(ResourceType type, StoredObject deployment)
    {
        var sets = registry.Get("apps", "replicasets");
        var template = deployment.Content.FindObject("spec", "template") ?? [];
        var owned = _owners.Owned(deployment.Content, sets.StorageKey);
        var current = owned.FirstOrDefault(s => SameTemplate(s.Content.FindObject("spec", "template") ?? [], template));
        var wanted = deployment.Content.Number(1, "spec", "replicas");
        if (current is null)
        {
            CreateReplicaSet(sets, deployment.Content, template, wanted, owned.Count + 1);
            return;
        }
        foreach (var set in owned)
        {
            var replicas = set == current ? wanted : 0;
            if (set.Content.Number(0, "spec", "replicas") != replicas)
                writer.Change(sets, set.Key, s => s.Child("spec")["replicas"] = replicas);
        }
        var ready = owned.Sum(s => s.Content.Number(0, "status", "readyReplicas"));
        writer.Change(type, deployment.Key, d =>
        {
            var status = d.Child("status");
            status["observedGeneration"] = d.Number(0, "metadata", "generation");
            status["replicas"] = owned.Sum(s => s.Content.Number(0, "status", "replicas"));
            status["updatedReplicas"] = current.Content.Number(0, "status", "replicas");
            status["readyReplicas"] = ready;
            status["availableReplicas"] = ready;
            d.Meta().Child("annotations").SetDefault("deployment.kubernetes.io/revision", "1");
            Condition(status, "Available", ready >= wanted, ready >= wanted ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable");
        });
    }

    private void CreateReplicaSet(ResourceType sets, JsonObject deployment, JsonObject template, long replicas, int revision)
    {
        var digest = System.Security.Cryptography.SHA256.HashData(ApiResponses.Bytes(template));
        var hash = Convert.ToHexStringLower(digest.AsSpan(0, 5));
        var copy = template.Copy();
        copy.Meta().Child("labels")["pod-template-hash"] = hash;
        var selector = (deployment.FindObject("spec", "selector") ?? []).Copy();
        selector.Child("matchLabels")["pod-template-hash"] = hash;
        var key = new ObjectKey(deployment.Namespace(), $"{deployment.Name()}-{hash}");
        if (store.Find(sets, key) is not null)
            return;
        writer.Create(sets, deployment.Namespace(), new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = key.Name,
                ["labels"] = copy.Find("metadata", "labels")!.DeepClone(),
                ["annotations"] = new JsonObject { ["deployment.kubernetes.io/revision"] = revision.ToString(CultureInfo.InvariantCulture) },
                ["ownerReferences"] = new JsonArray(PodOwners.Reference(deployment)),
            },
            ["spec"] = new JsonObject { ["replicas"] = replicas, ["selector"] = selector, ["template"] = copy },
        }, WriteOptions.Internal);
    }

    private void ReplicaSet(ResourceType type, StoredObject set)
    {
        var pods = _owners.Owned(set.Content, "pods").Where(p => !PodOwners.IsOver(p)).ToList();
        var wanted = set.Content.Number(1, "spec", "replicas");
        for (var i = (long)pods.Count; i < wanted; i++)
            _owners.CreatePod(set.Content, null);
        foreach (var pod in pods.Skip((int)wanted))
            _owners.DeletePod(pod);
        writer.Change(type, set.Key, s =>
        {
            var status = s.Child("status");
            status["observedGeneration"] = s.Number(0, "metadata", "generation");
            status["replicas"] = Math.Min(pods.Count, wanted);
            status["fullyLabeledReplicas"] = Math.Min(pods.Count, wanted);
            status["readyReplicas"] = Math.Min(pods.Count(PodOwners.IsReady), wanted);
            status["availableReplicas"] = Math.Min(pods.Count(PodOwners.IsReady), wanted);
        });
    }

    private void StatefulSet(ResourceType type, StoredObject set)
    {
        var pods = _owners.Owned(set.Content, "pods").ToDictionary(p => p.Key.Name);
        var wanted = (int)set.Content.Number(1, "spec", "replicas");
        for (var i = 0; i < wanted; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{set.Key.Name}-{i}");
            if (!pods.TryGetValue(name, out var pod))
            {
                // One that is being deleted keeps its name until it is gone.
                if (store.Find("pods", new ObjectKey(set.Key.Namespace, name)) is null)
                    CreateMember(set.Content, name, i);
                break;
            }
            // In order: the next one waits until this one is ready.
            if (!PodOwners.IsReady(pod) && set.Content.Text("spec", "podManagementPolicy") != "Parallel")
                break;
        }
        foreach (var pod in pods.Values.Where(p => int.TryParse(p.Key.Name[(p.Key.Name.LastIndexOf('-') + 1)..], out var ordinal) && ordinal >= wanted))
            _owners.DeletePod(pod);
        writer.Change(type, set.Key, s =>
        {
            var status = s.Child("status");
            var ready = pods.Values.Count(PodOwners.IsReady);
            status["observedGeneration"] = s.Number(0, "metadata", "generation");
            status["replicas"] = pods.Count;
            status["currentReplicas"] = pods.Count;
            status["updatedReplicas"] = pods.Count;
            status["readyReplicas"] = ready;
            status["availableReplicas"] = ready;
        });
    }

    private void CreateMember(JsonObject set, string name, int ordinal)
    {
        var claims = registry.Get("", "persistentvolumeclaims");
        var templates = set.Items("spec", "volumeClaimTemplates").ToList();
        foreach (var template in templates)
        {
            var key = new ObjectKey(set.Namespace(), $"{template.Name()}-{name}");
            if (store.Find(claims, key) is not null)
                continue;
            var labels = (set.FindObject("spec", "selector", "matchLabels") ?? []).DeepClone();
            writer.Create(claims, set.Namespace(), new JsonObject { ["metadata"] = new JsonObject { ["name"] = key.Name, ["labels"] = labels }, ["spec"] = (template.FindObject("spec") ?? []).DeepClone() }, WriteOptions.Internal);
        }
        _owners.CreatePod(set, name, pod =>
        {
            var labels = pod.Meta().Child("labels");
            labels["statefulset.kubernetes.io/pod-name"] = name;
            labels["apps.kubernetes.io/pod-index"] = ordinal.ToString(CultureInfo.InvariantCulture);
            pod.Child("spec")["hostname"] = name;
            pod.Child("spec")["subdomain"] = set.Text("spec", "serviceName");
            foreach (var template in templates)
            {
                pod.Child("spec").ChildArray("volumes").Append(new JsonObject
                {
                    ["name"] = template.Name(),
                    ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = $"{template.Name()}-{name}" },
                });
            }
        });
    }

    private void DaemonSet(ResourceType type, StoredObject set)
    {
        var pods = _owners.Owned(set.Content, "pods");
        var selector = set.Content.FindObject("spec", "template", "spec", "nodeSelector").TextMap();
        var nodes = store.List("nodes").Where(n => selector.All(s => n.Content.Labels().TryGetValue(s.Key, out var value) && value == s.Value)).Select(n => n.Key.Name).ToList();
        foreach (var node in nodes.Where(n => !pods.Any(p => p.Content.Text("spec", "nodeName") == n)))
            _owners.CreatePod(set.Content, null, pod => pod.Child("spec")["nodeName"] = node);
        writer.Change(type, set.Key, s =>
        {
            var status = s.Child("status");
            var ready = pods.Count(PodOwners.IsReady);
            status["observedGeneration"] = s.Number(0, "metadata", "generation");
            status["desiredNumberScheduled"] = nodes.Count;
            status["currentNumberScheduled"] = pods.Count;
            status["updatedNumberScheduled"] = pods.Count;
            status["numberMisscheduled"] = 0;
            status["numberReady"] = ready;
            status["numberAvailable"] = ready;
        });
    }

    private void Job(ResourceType type, StoredObject job)
    {
        if (job.Content.Items("status", "conditions").Any(c => c.Text("type") == "Complete"))
            return;
        var pods = _owners.Owned(job.Content, "pods");
        var wanted = job.Content.Number(1, "spec", "completions");
        var done = pods.Count(p => p.Content.Text("status", "phase") == "Succeeded");
        if (!job.Content.Flag("spec", "suspend"))
        {
            var atOnce = Math.Min(wanted, done + job.Content.Number(1, "spec", "parallelism"));
            for (var i = (long)pods.Count; i < atOnce; i++)
                _owners.CreatePod(job.Content, null);
        }
        var now = events.Now;
        writer.Change(type, job.Key, j =>
        {
            var status = j.Child("status");
            status.SetDefault("startTime", now);
            status["succeeded"] = done;
            status["active"] = pods.Count - done;
            if (done < wanted)
                return;
            status["completionTime"] = now;
            Condition(status, "Complete", true, "CompletionsReached");
        });
    }

    private void ClaimEphemeral(JsonObject pod)
    {
        var claims = registry.Get("", "persistentvolumeclaims");
        foreach (var volume in pod.Items("spec", "volumes").Where(v => v.FindObject("ephemeral") is not null))
        {
            var name = PodVolumes.ClaimOf(pod, volume);
            if (store.Find(claims, new ObjectKey(pod.Namespace(), name)) is not null)
                continue;
            writer.Create(claims, pod.Namespace(), new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = name, ["ownerReferences"] = new JsonArray(PodOwners.Reference(pod)) },
                ["spec"] = (volume.FindObject("ephemeral", "volumeClaimTemplate", "spec") ?? []).DeepClone(),
            }, WriteOptions.Internal);
        }
    }

    private void Condition(JsonObject status, string type, bool value, string reason)
    {
        var conditions = status.ChildArray("conditions");
        var text = value ? "True" : "False";
        var known = conditions.OfType<JsonObject>().FirstOrDefault(c => c.Text("type") == type);
        if (known.Text("status") == text)
            return;
        if (known is not null)
            conditions.Remove(known);
        conditions.Append(new JsonObject { ["type"] = type, ["status"] = text, ["reason"] = reason, ["lastTransitionTime"] = events.Now, ["lastUpdateTime"] = events.Now });
    }

    private static bool SameTemplate(JsonObject ofSet, JsonObject ofDeployment)
    {
        var copy = ofSet.Copy();
        copy.FindObject("metadata", "labels")?.Remove("pod-template-hash");
        return JsonNode.DeepEquals(copy, ofDeployment);
    }
}
