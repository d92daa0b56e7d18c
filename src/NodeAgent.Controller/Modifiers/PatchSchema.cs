namespace NodeAgent.Controller.Modifiers;

/// <summary>
/// Which lists of Kubernetes' built-in types are merged item by item, and by which key. What is not named here is merged when it is an object and
/// replaced when it is a list, tolerations and commands for example.
/// </summary>
internal static class PatchSchema
{
    // The groups of the types that clients are compiled with; others, custom resources among them, have no such keys.
    private static readonly HashSet<string> Groups = new(StringComparer.Ordinal)
    {
        "", "apps", "batch", "autoscaling", "policy", "extensions", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io",
        "authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io",
        "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
    };

    private static readonly Dictionary<string, PatchField> Fields = new(StringComparer.Ordinal)
    {
        ["Metadata.finalizers"] = new(IsSet: true),
        ["Metadata.ownerReferences"] = new(Key: "uid"),

        ["Pod.spec"] = new("PodSpec"),
        ["Pod.status"] = new("PodStatus"),
        ["PodStatus.conditions"] = new(Key: "type"),
        ["PodStatus.podIPs"] = new(Key: "ip"),
        ["PodStatus.hostIPs"] = new(Key: "ip"),
        ["PodSpec.containers"] = new("Container", "name"),
        ["PodSpec.initContainers"] = new("Container", "name"),
        ["PodSpec.ephemeralContainers"] = new("Container", "name"),
        ["PodSpec.volumes"] = new(Key: "name"),
        ["PodSpec.imagePullSecrets"] = new(Key: "name"),
        ["PodSpec.hostAliases"] = new(Key: "ip"),
        ["PodSpec.topologySpreadConstraints"] = new(Key: "topologyKey"),
        ["PodSpec.schedulingGates"] = new(Key: "name"),
        ["PodSpec.resourceClaims"] = new(Key: "name"),
        ["Container.ports"] = new(Key: "containerPort"),
        ["Container.env"] = new(Key: "name"),
        ["Container.volumeMounts"] = new(Key: "mountPath"),
        ["Container.volumeDevices"] = new(Key: "devicePath"),

        ["PodTemplate.template"] = new("Template"),
        ["Template.metadata"] = new("Metadata"),
        ["Template.spec"] = new("PodSpec"),
        ["Workload.spec"] = new("WorkloadSpec"),
        ["Workload.status"] = new("Conditions"),
        ["WorkloadSpec.template"] = new("Template"),
        ["CronJob.spec"] = new("CronJobSpec"),
        ["CronJobSpec.jobTemplate"] = new("JobTemplate"),
        ["JobTemplate.metadata"] = new("Metadata"),
        ["JobTemplate.spec"] = new("WorkloadSpec"),
        ["Conditions.conditions"] = new(Key: "type"),

        ["Service.spec"] = new("ServiceSpec"),
        ["Service.status"] = new("Conditions"),
        ["ServiceSpec.ports"] = new(Key: "port"),
        ["ServiceAccount.secrets"] = new(Key: "name"),
        ["Conditioned.status"] = new("Conditions"),
        ["Node.status"] = new("NodeStatus"),
        ["Node.spec"] = new("NodeSpec"),
        ["NodeSpec.podCIDRs"] = new(IsSet: true),
        ["NodeStatus.conditions"] = new(Key: "type"),
        ["NodeStatus.addresses"] = new(Key: "type"),
        ["PodDisruptionBudget.spec"] = new("PodDisruptionBudgetSpec"),
        ["PodDisruptionBudget.status"] = new("Conditions"),
        ["PodDisruptionBudgetSpec.selector"] = new(Replaces: true),
        ["WebhookConfiguration.webhooks"] = new("Webhook", "name"),
        ["Webhook.matchConditions"] = new(Key: "name"),
        ["AdmissionPolicy.spec"] = new("AdmissionPolicySpec"),
        ["AdmissionPolicySpec.matchConditions"] = new(Key: "name"),
        ["AdmissionPolicySpec.variables"] = new(Key: "name"),
        ["CSINode.spec"] = new("CSINodeSpec"),
        ["CSINodeSpec.drivers"] = new(Key: "name"),
    };

    /// <summary>The table's name of a kind; null when it is no built-in one.</summary>
    public static string? TypeOf(string? apiVersion, string? kind)
    {
        var slash = apiVersion?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (apiVersion is null || kind is null || !Groups.Contains(slash < 0 ? "" : apiVersion[..slash])) return null;
        return kind switch
        {
            "Deployment" or "StatefulSet" or "DaemonSet" or "ReplicaSet" or "ReplicationController" or "Job" => "Workload",
            "MutatingWebhookConfiguration" or "ValidatingWebhookConfiguration" => "WebhookConfiguration",
            "ValidatingAdmissionPolicy" or "MutatingAdmissionPolicy" => "AdmissionPolicy",
            "Namespace" or "PersistentVolumeClaim" or "HorizontalPodAutoscaler" => "Conditioned",
            _ => kind,
        };
    }

    public static PatchField Find(string? type, string field)
    {
        if (type is null) return PatchField.Plain;
        if (Fields.TryGetValue($"{type}.{field}", out var found)) return found;
        return field == "metadata" ? new PatchField("Metadata") : PatchField.Plain;
    }
}
