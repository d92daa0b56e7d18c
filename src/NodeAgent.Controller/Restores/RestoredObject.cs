using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>Turns an object as it was in its old cluster into one that a cluster accepts as new. The object is changed in place.</summary>
internal static class RestoredObject
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    private static readonly string[] ServerMetadata =
    [
        "generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        // Owners get a new UID when they are restored; what they own is found again by labels.
        "ownerReferences", "managedFields",
    ];

    private static readonly string[] BindingAnnotations =
    [
        "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node", "velero.io/volume-snapshot-name", "velero.io/data-upload-name",
    ];

    private static readonly string[] ControllerUidLabels = ["controller-uid", "batch.kubernetes.io/controller-uid"];

    /// <summary>Why an object of a backup is not worth restoring, or null.</summary>
    public static string? ReasonToSkip(string groupResource, JsonObject item) => groupResource switch
    {
        "pods" when item.Text("status", "phase") is "Succeeded" or "Failed" => "the pod had ended",
        "pods" when item.Annotation("kubernetes.io/config.mirror") is not null => "it is a mirror pod, which the kubelet makes",
        "jobs.batch" when item.Text("status", "completionTime") is not null => "the job was complete",
        "configmaps" when item.Name() == "kube-root-ca.crt" => "every cluster puts its own into each namespace",
        "endpoints" when item.Annotation("endpoints.kubernetes.io/last-change-trigger-time") is not null => "its controller makes it anew",
        "endpointslices.discovery.k8s.io" when item.Label("endpointslice.kubernetes.io/managed-by")?.EndsWith("-controller.k8s.io", StringComparison.Ordinal) == true
            => "its controller makes it anew",
        "apiservices.apiregistration.k8s.io" when item.Label("kube-aggregator.kubernetes.io/automanaged") is not null => "the API server manages it",
        _ => null,
    };

    /// <summary>Drops what the server fills in, and the status.</summary>
    public static void Reset(JsonObject item)
    {
        foreach (var name in ServerMetadata) item.Child("metadata").Remove(name);
        item.Remove("status");
    }

    public static void AddLabels(JsonObject item, string restore, string backup)
    {
        var labels = item.Child("metadata").Child("labels");
        labels[VeleroLabels.RestoreName] = VeleroLabels.ToLabelValue(restore);
        labels[VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(backup);
    }

    public static void RemoveLabels(JsonObject item)
    {
        item.At("metadata", "labels")?.AsObject().Remove(VeleroLabels.RestoreName);
        item.At("metadata", "labels")?.AsObject().Remove(VeleroLabels.BackupName);
    }

    /// <summary>Makes a pod schedulable anew: no node, no priority number, no mount of an old service account token.</summary>
    public static void PreparePod(JsonObject pod)
    {
        var spec = pod.Child("spec");
        spec.Remove("nodeName");
        spec.Remove("priority");
        var tokens = (spec.Text("serviceAccountName") ?? "") + "-token-";
        RemoveWhere(spec["volumes"], v => v.Text("name")?.StartsWith(tokens, StringComparison.Ordinal) == true);
        foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
        {
            RemoveWhere(container["volumeMounts"], m => m.Text("name")?.StartsWith(tokens, StringComparison.Ordinal) == true);
        }
    }

    /// <summary>Frees a claim from the volume it was bound to; with <paramref name="provision"/> it gets a new, empty one.</summary>
    public static void PrepareClaim(JsonObject claim, bool provision)
    {
        foreach (var name in BindingAnnotations) claim.At("metadata", "annotations")?.AsObject().Remove(name);
        if (provision) claim.Child("spec").Remove("volumeName");
    }

    /// <summary>Keeps a volume for the same claim, without the marks of the old binding.</summary>
    public static void PrepareVolume(JsonObject volume, IReadOnlyDictionary<string, string> namespaceMapping)
    {
        foreach (var name in BindingAnnotations) volume.At("metadata", "annotations")?.AsObject().Remove(name);
        if (volume.At("spec", "claimRef") is not JsonObject claim) return;
        claim.Remove("uid");
        claim.Remove("resourceVersion");
        if (claim.Text("namespace") is { } ns && namespaceMapping.TryGetValue(ns, out var target)) claim["namespace"] = target;
    }

    /// <summary>Drops addresses and ports that the old cluster chose; ports that the user applied by number stay.</summary>
    /// <param name="managers">The service's managedFields: what somebody applied on the server's side was chosen, too.</param>
    public static void PrepareService(JsonObject service, bool preserveNodePorts, JsonNode? managers)
    {
        var spec = service.Child("spec");
        if (spec.Text("clusterIP") != "None")
        {
            spec.Remove("clusterIP");
            spec.Remove("clusterIPs");
        }

        if (preserveNodePorts || spec.Text("type") == "ExternalName") return;
        var applied = AppliedSpec(service);
        var (names, numbers) = AppliedNodePorts(applied);
        var managed = ((managers as JsonArray)?.Select(m => m.At("fieldsV1", "f:spec")) ?? []).ToList();
        foreach (var port in spec.Objects("ports"))
        {
            var name = port.Text("name");
            var key = $"k:{{\"port\":{port.Number("port")},\"protocol\":\"{port.Text("protocol")}\"}}";
            var kept = applied is null ? managed.Any(m => m.At("f:ports", key, "f:nodePort") is not null)
                : string.IsNullOrEmpty(name) ? numbers.Contains(port.Number("nodePort")) : names.Contains(name);
            if (!kept) port.Remove("nodePort");
        }

        var hasHealthCheck = spec.Text("type") == "LoadBalancer" && spec.Text("externalTrafficPolicy") == "Local";
        if (hasHealthCheck && applied.Number("healthCheckNodePort") == 0 && !managed.Any(m => m.At("f:healthCheckNodePort") is not null)) spec.Remove("healthCheckNodePort");
    }

    /// <summary>The first version of the API admitted effects that the present one refuses.</summary>
    public static void PrepareWebhooks(JsonObject configuration)
    {
        if (configuration.Text("apiVersion") != "admissionregistration.k8s.io/v1") return;
        foreach (var webhook in configuration.Objects("webhooks"))
        {
            if (webhook.Text("sideEffects") is not ("None" or "NoneOnDryRun")) webhook["sideEffects"] = "None";
        }
    }

    /// <summary>A definition from the time when one flag kept unknown fields says so in its schemas, as is needed now.</summary>
    public static void PrepareDefinition(JsonObject definition)
    {
        if (definition.Text("apiVersion") != "apiextensions.k8s.io/v1" || !definition.IsTrue("spec", "preserveUnknownFields")) return;
        definition.Child("spec")["preserveUnknownFields"] = false;
        foreach (var version in definition.Objects("spec", "versions"))
        {
            if (version.At("schema", "openAPIV3Schema") is JsonObject schema) schema["x-kubernetes-preserve-unknown-fields"] = true;
        }
    }

    public static void PrepareJob(JsonObject job)
    {
        foreach (var label in ControllerUidLabels)
        {
            (job.At("spec", "selector", "matchLabels") as JsonObject)?.Remove(label);
            (job.At("spec", "template", "metadata", "labels") as JsonObject)?.Remove(label);
        }
    }

    /// <summary>A token that a user asked for is issued anew by the cluster.</summary>
    public static void PrepareTokenSecret(JsonObject secret)
    {
        (secret.At("metadata", "annotations") as JsonObject)?.Remove("kubernetes.io/service-account.uid");
        (secret.At("data") as JsonObject)?.Remove("token");
        (secret.At("data") as JsonObject)?.Remove("ca.crt");
    }

    public static void PrepareServiceAccount(JsonObject account) =>
        RemoveWhere(account["secrets"], s => s.Text("name")?.StartsWith(account.Name() + "-token-", StringComparison.Ordinal) == true);

    public static void MapSubjects(JsonObject binding, IReadOnlyDictionary<string, string> namespaceMapping)
    {
        foreach (var subject in binding.Objects("subjects"))
        {
            if (subject.Text("namespace") is { } ns && namespaceMapping.TryGetValue(ns, out var target)) subject["namespace"] = target;
        }
    }

    private static void RemoveWhere(JsonNode? list, Func<JsonObject, bool> condition)
    {
        if (list is not JsonArray array) return;
        foreach (var item in array.OfType<JsonObject>().Where(condition).ToList()) array.Remove(item);
    }

    private static JsonNode? AppliedSpec(JsonObject service)
    {
        try
        {
            return service.Annotation(LastApplied) is { } text ? KubernetesJson.Parse(text).At("spec") ?? new JsonObject() : null;
        }
        catch (JsonException)
        {
            // An annotation that is no JSON says nothing about ports.
            return null;
        }
    }

    private static (HashSet<string> Names, HashSet<long> Numbers) AppliedNodePorts(JsonNode? spec)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var numbers = new HashSet<long>();
        foreach (var port in spec.Objects("ports"))
        {
            var number = port.Number("nodePort");
            if (number == 0 && long.TryParse(port.Text("nodePort"), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)) number = parsed;
            if (number <= 0) continue;
            if (port.Text("name") is { } name) names.Add(name);
            else numbers.Add(number);
        }

        return (names, numbers);
    }
}
