namespace NodeAgent.DevCluster.Resources;

/// <summary>The resources every cluster has.</summary>
internal static class BuiltinResources
{
    public static readonly IReadOnlyList<ResourceType> All =
    [
        Core("namespaces", "Namespace", ["ns"], namespaced: false, status: true),
        Core("nodes", "Node", ["no"], namespaced: false, status: true),
        Core("persistentvolumes", "PersistentVolume", ["pv"], namespaced: false, status: true),
        Core("pods", "Pod", ["po"], status: true, all: true),
        Core("services", "Service", ["svc"], status: true, all: true),
        Core("configmaps", "ConfigMap", ["cm"]),
        Core("secrets", "Secret", []),
        Core("serviceaccounts", "ServiceAccount", ["sa"]),
        Core("persistentvolumeclaims", "PersistentVolumeClaim", ["pvc"], status: true),
        Core("events", "Event", ["ev"]),
        Core("endpoints", "Endpoints", ["ep"]),
        Core("replicationcontrollers", "ReplicationController", ["rc"], status: true, all: true, scale: true),
        Core("limitranges", "LimitRange", ["limits"]),
        Core("resourcequotas", "ResourceQuota", ["quota"], status: true),
        Core("podtemplates", "PodTemplate", []),
        Of("apps", "deployments", "Deployment", ["deploy"], status: true, all: true, scale: true),
        Of("apps", "replicasets", "ReplicaSet", ["rs"], status: true, all: true, scale: true),
        Of("apps", "statefulsets", "StatefulSet", ["sts"], status: true, all: true, scale: true),
        Of("apps", "daemonsets", "DaemonSet", ["ds"], status: true, all: true),
        Of("apps", "controllerrevisions", "ControllerRevision", []),
        Of("batch", "jobs", "Job", [], status: true, all: true),
        Of("batch", "cronjobs", "CronJob", ["cj"], status: true, all: true),
        Of("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ["hpa"], status: true, all: true, version: "v2"),
        Of("rbac.authorization.k8s.io", "roles", "Role", []),
        Of("rbac.authorization.k8s.io", "rolebindings", "RoleBinding", []),
        Of("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", [], namespaced: false),
        Of("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", [], namespaced: false),
        Of("coordination.k8s.io", "leases", "Lease", []),
        Of("discovery.k8s.io", "endpointslices", "EndpointSlice", []),
        Of("storage.k8s.io", "storageclasses", "StorageClass", ["sc"], namespaced: false),
        Of("storage.k8s.io", "csidrivers", "CSIDriver", [], namespaced: false),
        Of("storage.k8s.io", "csinodes", "CSINode", [], namespaced: false),
        Of("storage.k8s.io", "volumeattachments", "VolumeAttachment", [], namespaced: false, status: true),
        Of("networking.k8s.io", "ingresses", "Ingress", ["ing"], status: true),
        Of("networking.k8s.io", "ingressclasses", "IngressClass", [], namespaced: false),
        Of("networking.k8s.io", "networkpolicies", "NetworkPolicy", ["netpol"]),
        Of("policy", "poddisruptionbudgets", "PodDisruptionBudget", ["pdb"], status: true),
        Of("scheduling.k8s.io", "priorityclasses", "PriorityClass", ["pc"], namespaced: false),
        Of("admissionregistration.k8s.io", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", [], namespaced: false),
        Of("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", [], namespaced: false),
        Of("events.k8s.io", "events", "Event", ["ev"]),
        Of("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", ["crd", "crds"], namespaced: false, status: true),
        Of("apiregistration.k8s.io", "apiservices", "APIService", [], namespaced: false, status: true),
        Of("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", [], namespaced: false) with { Virtual = true },
        Of("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", [], namespaced: false) with { Virtual = true },
    ];

    private static ResourceType Core(string plural, string kind, string[] shortNames, bool namespaced = true, bool status = false, bool all = false, bool scale = false) =>
        Of("", plural, kind, shortNames, namespaced, status, all, scale);

    private static ResourceType Of(
        string group, string plural, string kind, string[] shortNames, bool namespaced = true, bool status = false, bool all = false, bool scale = false, string version = "v1") => new()
        {
            Group = group,
            Version = version,
            Kind = kind,
            ListKind = kind + "List",
            Plural = plural,
            Singular = kind.ToLowerInvariant(),
            Namespaced = namespaced,
            ShortNames = shortNames,
            Categories = all ? ["all"] : [],
            HasStatus = status,
            HasScale = scale,
        };
}
