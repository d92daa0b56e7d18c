using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Tables;

/// <summary>The columns of built-in kinds that kubectl's users know.</summary>
internal static class BuiltinColumns
{
    public static IReadOnlyList<TableColumn> Of(ResourceType type, TableColumn name, TableColumn age, Func<string, JsonNode> since) => type.StorageKey switch
    {
        "pods" =>
        [
            name,
            new("Ready", o => $"{o.Items("status", "containerStatuses").Count(c => c.Flag("ready"))}/{o.Items("spec", "containers").Count()}"),
            new("Status", PodStatus),
            new("Restarts", o => o.Items("status", "containerStatuses").Sum(c => c.Number(0, "restartCount")).ToString(CultureInfo.InvariantCulture)),
            age,
            new("IP", o => OrNone(o.Text("status", "podIP")), 1),
            new("Node", o => OrNone(o.Text("spec", "nodeName")), 1),
            new("Nominated Node", o => OrNone(o.Text("status", "nominatedNodeName")), 1),
            new("Readiness Gates", _ => "<none>", 1),
        ],
        "nodes" =>
        [
            name,
            new("Status", o => (o.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == "Ready").Text("status") == "True" ? "Ready" : "NotReady") + (o.Flag("spec", "unschedulable") ? ",SchedulingDisabled" : "")),
            new("Roles", o => OrNone(string.Join(',', o.Labels().Keys.Where(k => k.StartsWith("node-role.kubernetes.io/", StringComparison.Ordinal)).Select(k => k["node-role.kubernetes.io/".Length..])))),
            age,
            new("Version", o => o.Text("status", "nodeInfo", "kubeletVersion")),
            new("Internal-IP", o => OrNone(o.Items("status", "addresses").FirstOrDefault(a => a.Text("type") == "InternalIP").Text("address")), 1),
            new("External-IP", _ => "<none>", 1),
            new("OS-Image", o => o.Text("status", "nodeInfo", "osImage"), 1),
            new("Kernel-Version", o => o.Text("status", "nodeInfo", "kernelVersion"), 1),
            new("Container-Runtime", o => o.Text("status", "nodeInfo", "containerRuntimeVersion"), 1),
        ],
        "namespaces" => [name, new("Status", o => o.Text("status", "phase")), age],
        "persistentvolumeclaims" =>
        [
            name,
            new("Status", o => o.IsDeleting() ? "Terminating" : o.Text("status", "phase")),
            new("Volume", o => o.Text("spec", "volumeName")),
            new("Capacity", o => o.Text("status", "capacity", "storage")),
            new("Access Modes", o => AccessModes(o.Find("status", "accessModes"))),
            new("StorageClass", o => o.Text("spec", "storageClassName")),
            new("VolumeAttributesClass", o => OrUnset(o.Text("spec", "volumeAttributesClassName"))),
            age,
            new("VolumeMode", o => o.Text("spec", "volumeMode"), 1),
        ],
        "persistentvolumes" =>
        [
            name,
            new("Capacity", o => o.Text("spec", "capacity", "storage")),
            new("Access Modes", o => AccessModes(o.Find("spec", "accessModes"))),
            new("Reclaim Policy", o => o.Text("spec", "persistentVolumeReclaimPolicy")),
            new("Status", o => o.IsDeleting() ? "Terminating" : o.Text("status", "phase")),
            new("Claim", o => o.FindObject("spec", "claimRef") is { } claim ? $"{claim.Text("namespace")}/{claim.Text("name")}" : ""),
            new("StorageClass", o => o.Text("spec", "storageClassName")),
            new("VolumeAttributesClass", o => OrUnset(o.Text("spec", "volumeAttributesClassName"))),
            new("Reason", o => o.Text("status", "reason")),
            age,
            new("VolumeMode", o => o.Text("spec", "volumeMode"), 1),
        ],
        "services" =>
        [
            name,
            new("Type", o => o.Text("spec", "type")),
            new("Cluster-IP", o => OrNone(o.Text("spec", "clusterIP"))),
            new("External-IP", o => OrNone(o.Text("spec", "externalName"))),
            new("Port(s)", o => OrNone(string.Join(',', o.Items("spec", "ports").Select(p => $"{p.Number(0, "port")}/{p.Text("protocol")}")))),
            age,
            new("Selector", o => OrNone(Pairs(o.FindObject("spec", "selector"))), 1),
        ],
        "configmaps" => [name, Number("Data", o => (o.FindObject("data")?.Count ?? 0) + (o.FindObject("binaryData")?.Count ?? 0)), age],
        "secrets" => [name, new("Type", o => o.Text("type")), Number("Data", o => o.FindObject("data")?.Count ?? 0), age],
        "serviceaccounts" => [name, Number("Secrets", o => o.Items("secrets").Count()), age],
        "endpoints" => [name, new("Endpoints", o => OrNone(string.Join(',', o.Items("subsets").SelectMany(s => s.Items("addresses").SelectMany(a => s.Items("ports").Select(p => $"{a.Text("ip")}:{p.Number(0, "port")}")))))), age],
        "events" =>
        [
            new("Last Seen", o => since(o.Text("lastTimestamp") is { Length: > 0 } last ? last : o.Text("metadata", "creationTimestamp"))),
            new("Type", o => o.Text("type")),
            new("Reason", o => o.Text("reason")),
            new("Object", o => $"{o.Text("involvedObject", "kind").ToLowerInvariant()}/{o.Text("involvedObject", "name")}"),
            new("Subobject", o => o.Text("involvedObject", "fieldPath"), 1),
            new("Source", o => o.Text("source", "component"), 1),
            new("Message", o => o.Text("message").Trim()),
            new("First Seen", o => since(o.Text("firstTimestamp") is { Length: > 0 } first ? first : o.Text("metadata", "creationTimestamp")), 1),
            Number("Count", o => o.Number(1, "count"), 1),
            name with { Priority = 1 },
        ],
        "deployments.apps" =>
        [
            name,
            new("Ready", o => $"{o.Number(0, "status", "readyReplicas")}/{o.Number(0, "spec", "replicas")}"),
            Number("Up-to-date", o => o.Number(0, "status", "updatedReplicas")),
            Number("Available", o => o.Number(0, "status", "availableReplicas")),
            age,
            .. Containers(),
            new("Selector", Selector, 1),
        ],
        "replicasets.apps" or "replicationcontrollers" =>
        [
            name,
            Number("Desired", o => o.Number(0, "spec", "replicas")),
            Number("Current", o => o.Number(0, "status", "replicas")),
            Number("Ready", o => o.Number(0, "status", "readyReplicas")),
            age,
            .. Containers(),
            new("Selector", Selector, 1),
        ],
        "statefulsets.apps" => [name, new("Ready", o => $"{o.Number(0, "status", "readyReplicas")}/{o.Number(0, "spec", "replicas")}"), age, .. Containers()],
        "daemonsets.apps" =>
        [
            name,
            Number("Desired", o => o.Number(0, "status", "desiredNumberScheduled")),
            Number("Current", o => o.Number(0, "status", "currentNumberScheduled")),
            Number("Ready", o => o.Number(0, "status", "numberReady")),
            Number("Up-to-date", o => o.Number(0, "status", "updatedNumberScheduled")),
            Number("Available", o => o.Number(0, "status", "numberAvailable")),
            new("Node Selector", o => OrNone(Pairs(o.FindObject("spec", "template", "spec", "nodeSelector")))),
            age,
            .. Containers(),
            new("Selector", Selector, 1),
        ],
        "jobs.batch" =>
        [
            name,
            new("Status", o => o.Items("status", "conditions").FirstOrDefault(c => c.Text("status") == "True") is { } done ? done.Text("type") : "Running"),
            new("Completions", o => $"{o.Number(0, "status", "succeeded")}/{o.Number(1, "spec", "completions")}"),
            new("Duration", o => Duration(o)),
            age,
            .. Containers(),
            new("Selector", Selector, 1),
        ],
        "cronjobs.batch" => [name, new("Schedule", o => o.Text("spec", "schedule")), new("Suspend", o => o.Flag("spec", "suspend") ? "True" : "False"), age],
        "storageclasses.storage.k8s.io" =>
        [
            new("Name", o => o.Name() + (o.Text("metadata", "annotations", "storageclass.kubernetes.io/is-default-class") == "true" ? " (default)" : ""), Format: "name"),
            new("Provisioner", o => o.Text("provisioner")),
            new("ReclaimPolicy", o => o.Text("reclaimPolicy")),
            new("VolumeBindingMode", o => o.Text("volumeBindingMode")),
            new("AllowVolumeExpansion", o => o.Flag("allowVolumeExpansion")),
            age,
        ],
        "leases.coordination.k8s.io" => [name, new("Holder", o => o.Text("spec", "holderIdentity")), age],
        "roles.rbac.authorization.k8s.io" or "clusterroles.rbac.authorization.k8s.io" or "customresourcedefinitions.apiextensions.k8s.io" => [name, new("Created At", o => o.Text("metadata", "creationTimestamp"))],
        "rolebindings.rbac.authorization.k8s.io" or "clusterrolebindings.rbac.authorization.k8s.io" => [name, new("Role", o => $"{o.Text("roleRef", "kind")}/{o.Text("roleRef", "name")}"), age],
        "priorityclasses.scheduling.k8s.io" => [name, Number("Value", o => o.Number(0, "value")), new("Global-Default", o => o.Flag("globalDefault")), age],
        "ingresses.networking.k8s.io" => [name, new("Class", o => OrNone(o.Text("spec", "ingressClassName"))), new("Hosts", o => string.Join(',', o.Items("spec", "rules").Select(r => r.Text("host") is { Length: > 0 } h ? h : "*"))), age],
        "networkpolicies.networking.k8s.io" => [name, new("Pod-Selector", o => OrNone(Pairs(o.FindObject("spec", "podSelector", "matchLabels")))), age],
        "poddisruptionbudgets.policy" => [name, new("Min Available", o => Plain(o.Find("spec", "minAvailable"))), new("Max Unavailable", o => Plain(o.Find("spec", "maxUnavailable"))), Number("Allowed Disruptions", o => o.Number(0, "status", "disruptionsAllowed")), age],
        _ => [name, age],
    };

    private static JsonNode PodStatus(JsonObject pod)
    {
        if (pod.IsDeleting())
            return "Terminating";
        var inits = pod.Items("spec", "initContainers").Count();
        var done = pod.Items("status", "initContainerStatuses").Count(s => s.FindObject("state", "terminated") is not null);
        if (inits > 0 && done < inits && pod.Text("status", "phase") == "Pending" && pod.Text("spec", "nodeName").Length > 0)
            return $"Init:{done}/{inits}";
        foreach (var status in pod.Items("status", "containerStatuses"))
        {
            if (status.Text("state", "waiting", "reason") is { Length: > 0 } reason)
                return reason;
            if (status.Text("state", "terminated", "reason") is { Length: > 0 } ended)
                return ended;
        }
        return pod.Text("status", "reason") is { Length: > 0 } why ? why : pod.Text("status", "phase");
    }

    private static JsonNode Duration(JsonObject job) =>
        ApiTime.TryParse(job.Text("status", "startTime"), out var start) && ApiTime.TryParse(job.Text("status", "completionTime"), out var end) ? ApiTime.Age(end - start) : "";

    private static TableColumn[] Containers() =>
    [
        new("Containers", o => string.Join(',', o.Items("spec", "template", "spec", "containers").Select(c => c.Text("name"))), 1),
        new("Images", o => string.Join(',', o.Items("spec", "template", "spec", "containers").Select(c => c.Text("image"))), 1),
    ];

    private static TableColumn Number(string name, Func<JsonObject, long> value, int priority = 0) => new(name, o => value(o), priority, "integer");

    private static JsonNode Selector(JsonObject obj) => Pairs(obj.FindObject("spec", "selector", "matchLabels") ?? obj.FindObject("spec", "selector"));

    private static string Pairs(JsonObject? map) => string.Join(',', map.TextMap().OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}"));

    private static string AccessModes(JsonNode? modes) => modes is JsonArray list
        ? string.Join(',', list.Select(m => m.Text() switch { "ReadWriteOnce" => "RWO", "ReadOnlyMany" => "ROX", "ReadWriteMany" => "RWX", "ReadWriteOncePod" => "RWOP", var other => other }))
        : "";

    private static string Plain(JsonNode? node) => node?.ToString() ?? "N/A";

    private static string OrNone(string text) => text.Length > 0 ? text : "<none>";

    private static string OrUnset(string text) => text.Length > 0 ? text : "<unset>";
}
