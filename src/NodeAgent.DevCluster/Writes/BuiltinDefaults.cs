using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Writes;

/// <summary>What the server fills in on built-in kinds, at creation and again at each update that leaves it out.</summary>
internal static class BuiltinDefaults
{
    private const string ControllerUid = "batch.kubernetes.io/controller-uid";

    public static void Apply(ResourceType type, JsonObject obj, JsonObject? old)
    {
        switch (type.StorageKey)
        {
            case "namespaces":
                obj.Meta().Child("labels").SetDefault("kubernetes.io/metadata.name", obj.Name());
                if (old is null)
                {
                    obj["spec"] = new JsonObject { ["finalizers"] = KubeObject.TextArray("kubernetes") };
                    obj["status"] = new JsonObject { ["phase"] = "Active" };
                }
                break;
            case "pods":
                Pod(obj, old);
                break;
            case "services":
                Service(obj, old);
                break;
            case "secrets":
                Secret(obj);
                break;
            case "deployments.apps":
                Workload(obj);
                obj.Child("spec").SetDefault("strategy", new JsonObject { ["type"] = "RollingUpdate", ["rollingUpdate"] = new JsonObject { ["maxUnavailable"] = "25%", ["maxSurge"] = "25%" } });
                obj.Child("spec").SetDefault("revisionHistoryLimit", 10);
                obj.Child("spec").SetDefault("progressDeadlineSeconds", 600);
                break;
            case "statefulsets.apps":
                Workload(obj);
                obj.Child("spec").SetDefault("podManagementPolicy", "OrderedReady");
                obj.Child("spec").SetDefault("updateStrategy", new JsonObject { ["type"] = "RollingUpdate" });
                obj.Child("spec").SetDefault("revisionHistoryLimit", 10);
                break;
            case "replicasets.apps" or "daemonsets.apps":
                Workload(obj, type.Plural == "replicasets");
                break;
            case "jobs.batch":
                Job(obj);
                break;
            case "persistentvolumeclaims":
                obj.Child("spec").SetDefault("volumeMode", "Filesystem");
                if (old is null)
                {
                    obj["status"] = new JsonObject { ["phase"] = "Pending" };
                }
                break;
            case "persistentvolumes":
                obj.Child("spec").SetDefault("persistentVolumeReclaimPolicy", "Retain");
                obj.Child("spec").SetDefault("volumeMode", "Filesystem");
                if (old is null)
                {
                    obj["status"] = new JsonObject { ["phase"] = "Pending" };
                }
                break;
            case "storageclasses.storage.k8s.io":
                obj.SetDefault("reclaimPolicy", "Delete");
                obj.SetDefault("volumeBindingMode", "Immediate");
                break;
            case "customresourcedefinitions.apiextensions.k8s.io":
                Definition(obj);
                break;
        }
    }

    private static void ProtectedBy(JsonObject obj, string finalizer)
    {
        if (!obj.Finalizers().Contains(finalizer))
            obj.Meta().ChildArray("finalizers").Append(finalizer);
    }

    private static void Pod(JsonObject pod, JsonObject? old)
    {
        var spec = pod.Child("spec");
        PodSpec(spec);
        if (old is null)
            pod["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = QosClass(spec) };
    }

    /// <summary>What admission adds to a new object. It comes after field ownership is recorded, since no client set it.</summary>
    public static void Admit(ResourceType type, JsonObject obj)
    {
        switch (type.StorageKey)
        {
            case "pods":
                AdmitPod(obj.Child("spec"));
                break;
            case "services" when obj.Text("spec", "type") != "ExternalName":
                AdmitService(obj);
                break;
            case "persistentvolumeclaims":
                if (!obj.Child("spec").ContainsKey("storageClassName"))
                    obj.Child("spec")["storageClassName"] = "standard";
                ProtectedBy(obj, "kubernetes.io/pvc-protection");
                break;
            case "persistentvolumes":
                ProtectedBy(obj, "kubernetes.io/pv-protection");
                break;
            case "customresourcedefinitions.apiextensions.k8s.io":
                ProtectedBy(obj, "customresourcecleanup.apiextensions.k8s.io");
                break;
        }
    }

    private static void AdmitService(JsonObject service)
    {
        var spec = service.Child("spec");
        if (spec.Text("clusterIP").Length == 0)
        {
            var uid = Convert.FromHexString(service.Uid().Replace("-", "", StringComparison.Ordinal));
            spec["clusterIP"] = $"10.96.{uid[0]}.{1 + uid[1] % 254}";
        }
        if (spec["clusterIPs"] is null)
            spec["clusterIPs"] = KubeObject.TextArray(spec.Text("clusterIP"));
        spec.SetDefault("ipFamilies", KubeObject.TextArray("IPv4"));
        spec.SetDefault("ipFamilyPolicy", "SingleStack");
    }

    private static void AdmitPod(JsonObject spec)
    {
        spec.SetDefault("serviceAccountName", "default");
        spec.SetDefault("serviceAccount", spec.Text("serviceAccountName"));
        spec.SetDefault("enableServiceLinks", true);
        spec.SetDefault("preemptionPolicy", "PreemptLowerPriority");
        spec.SetDefault("priority", 0);
        var tolerations = spec.ChildArray("tolerations");
        foreach (var key in (string[])["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"])
        {
            if (!tolerations.OfType<JsonObject>().Any(t => t.Text("key") == key))
                tolerations.Append(new JsonObject { ["key"] = key, ["operator"] = "Exists", ["effect"] = "NoExecute", ["tolerationSeconds"] = 300 });
        }
        if (!spec.ContainsKey("automountServiceAccountToken") || spec.Flag("automountServiceAccountToken"))
            MountToken(spec);
    }

    private static void MountToken(JsonObject spec)
    {
        const string Path = "/var/run/secrets/kubernetes.io/serviceaccount";
        var containers = spec.Items("containers").Concat(spec.Items("initContainers")).Where(c => !c.Items("volumeMounts").Any(m => m.Text("mountPath") == Path)).ToList();
        if (containers.Count == 0)
            return;
        var existing = spec.Items("volumes").FirstOrDefault(v => v.Text("name").StartsWith("kube-api-access-", StringComparison.Ordinal));
        var name = existing?.Text("name") ?? "kube-api-access-" + System.Security.Cryptography.RandomNumberGenerator.GetString("bcdfghjklmnpqrstvwxz2456789", 5);
        if (existing is null)
        {
            spec.ChildArray("volumes").Append(new JsonObject
            {
                ["name"] = name,
                ["projected"] = new JsonObject
                {
                    ["sources"] = new JsonArray(
                        new JsonObject { ["serviceAccountToken"] = new JsonObject { ["expirationSeconds"] = 3607, ["path"] = "token" } },
                        new JsonObject { ["configMap"] = new JsonObject { ["name"] = "kube-root-ca.crt", ["items"] = new JsonArray(new JsonObject { ["key"] = "ca.crt", ["path"] = "ca.crt" }) } },
                        new JsonObject { ["downwardAPI"] = new JsonObject { ["items"] = new JsonArray(new JsonObject { ["path"] = "namespace", ["fieldRef"] = new JsonObject { ["apiVersion"] = "v1", ["fieldPath"] = "metadata.namespace" } }) } }),
                    ["defaultMode"] = 420,
                },
            });
        }
        foreach (var container in containers)
            container.ChildArray("volumeMounts").Append(new JsonObject { ["name"] = name, ["readOnly"] = true, ["mountPath"] = Path });
    }

    private static void PodSpec(JsonObject spec)
    {
        spec.SetDefault("restartPolicy", "Always");
        spec.SetDefault("terminationGracePeriodSeconds", 30);
        spec.SetDefault("dnsPolicy", "ClusterFirst");
        spec.SetDefault("securityContext", new JsonObject());
        spec.SetDefault("schedulerName", "default-scheduler");
        foreach (var container in spec.Items("containers").Concat(spec.Items("initContainers")))
        {
            container.SetDefault("terminationMessagePath", "/dev/termination-log");
            container.SetDefault("terminationMessagePolicy", "File");
            var image = container.Text("image");
            var latest = image.EndsWith(":latest", StringComparison.Ordinal) || !image[(image.LastIndexOf('/') + 1)..].Contains(':');
            container.SetDefault("imagePullPolicy", latest ? "Always" : "IfNotPresent");
            container.SetDefault("resources", new JsonObject());
            foreach (var port in container.Items("ports"))
                port.SetDefault("protocol", "TCP");
        }
        foreach (var volume in spec.Items("volumes"))
        {
            foreach (var kind in (string[])["configMap", "secret", "projected", "downwardAPI"])
            {
                if (volume[kind] is JsonObject source)
                    source.SetDefault("defaultMode", 420);
            }
            if (volume.Count == 1)
                volume["emptyDir"] = new JsonObject();
        }
    }

    private static string QosClass(JsonObject spec)
    {
        var resources = spec.Items("containers").Select(c => c.FindObject("resources")).ToList();
        if (resources.All(r => r is null || (r.FindObject("requests") is null && r.FindObject("limits") is null)))
            return "BestEffort";
        return resources.All(r => r.FindObject("limits") is { Count: >= 2 } limits && (r.FindObject("requests") is not { } requests || JsonNode.DeepEquals(requests, limits))) ? "Guaranteed" : "Burstable";
    }

    private static void Workload(JsonObject obj, bool replicas = true)
    {
        var spec = obj.Child("spec");
        if (replicas)
            spec.SetDefault("replicas", 1);
        PodSpec(spec.Child("template").Child("spec"));
    }

    private static void Job(JsonObject job)
    {
        var spec = job.Child("spec");
        spec.SetDefault("parallelism", 1);
        spec.SetDefault("completions", 1);
        spec.SetDefault("backoffLimit", 6);
        PodSpec(spec.Child("template").Child("spec"));
        // Also into a selector that is there, as that of a job that was restored without its old owner's.
        if (!spec.Flag("manualSelector") && spec.FindObject("selector", "matchLabels")?.ContainsKey(ControllerUid) != true)
        {
            spec.Child("selector").Child("matchLabels")[ControllerUid] = job.Uid();
            var labels = spec.Child("template").Meta().Child("labels");
            labels[ControllerUid] = job.Uid();
            labels["batch.kubernetes.io/job-name"] = job.Name();
            labels["job-name"] = job.Name();
        }
    }

    private static void Service(JsonObject service, JsonObject? old)
    {
        var spec = service.Child("spec");
        spec.SetDefault("type", "ClusterIP");
        spec.SetDefault("sessionAffinity", "None");
        foreach (var port in spec.Items("ports"))
        {
            port.SetDefault("protocol", "TCP");
            port.SetDefault("targetPort", port.Number(0, "port"));
        }
        if (spec.Text("type") == "ExternalName")
            return;
        if (old is not null)
        {
            // A client that leaves out what the server allocated keeps it.
            foreach (var field in (string[])["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"])
            {
                if (spec[field] is null && old.Find("spec", field) is { } kept)
                    spec[field] = kept.DeepClone();
            }
            NodePorts.Keep(service, old);
        }
        spec.SetDefault("internalTrafficPolicy", "Cluster");
        service.SetDefault("status", new JsonObject { ["loadBalancer"] = new JsonObject() });
    }

    private static void Secret(JsonObject secret)
    {
        secret.SetDefault("type", "Opaque");
        if (secret.FindObject("stringData") is { } plain)
        {
            foreach (var (key, value) in plain)
                secret.Child("data")[key] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(value.Text()));
            secret.Remove("stringData");
        }
    }

    private static void Definition(JsonObject definition)
    {
        var spec = definition.Child("spec");
        spec.SetDefault("conversion", new JsonObject { ["strategy"] = "None" });
        var names = spec.Child("names");
        names.SetDefault("listKind", names.Text("kind") + "List");
        names.SetDefault("singular", names.Text("kind").ToLowerInvariant());
        var status = definition.Child("status");
        status["acceptedNames"] = names.Copy();
        var now = definition.Text("metadata", "creationTimestamp");
        status["conditions"] = new JsonArray(
            new JsonObject { ["type"] = "NamesAccepted", ["status"] = "True", ["lastTransitionTime"] = now, ["reason"] = "NoConflicts", ["message"] = "no conflicts found" },
            new JsonObject { ["type"] = "Established", ["status"] = "True", ["lastTransitionTime"] = now, ["reason"] = "InitialNamesAccepted", ["message"] = "the initial names have been accepted" });
        status["storedVersions"] = KubeObject.TextArray(spec.Items("versions").Where(v => v.Flag("storage")).Select(v => v.Text("name")));
    }
}
