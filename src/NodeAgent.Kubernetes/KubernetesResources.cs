namespace NodeAgent.Kubernetes;

/// <summary>The built-in resources that this program addresses by name; all others are found by discovery.</summary>
public static class KubernetesResources
{
    public static readonly ResourceKind Namespaces = new("", "v1", "namespaces", "Namespace", Namespaced: false);

    public static readonly ResourceKind Nodes = new("", "v1", "nodes", "Node", Namespaced: false);

    public static readonly ResourceKind Pods = new("", "v1", "pods", "Pod");

    public static readonly ResourceKind Secrets = new("", "v1", "secrets", "Secret");

    public static readonly ResourceKind ConfigMaps = new("", "v1", "configmaps", "ConfigMap");

    public static readonly ResourceKind Services = new("", "v1", "services", "Service");

    public static readonly ResourceKind ServiceAccounts = new("", "v1", "serviceaccounts", "ServiceAccount");

    public static readonly ResourceKind Events = new("", "v1", "events", "Event");

    public static readonly ResourceKind PersistentVolumes = new("", "v1", "persistentvolumes", "PersistentVolume", Namespaced: false);

    public static readonly ResourceKind PersistentVolumeClaims = new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim");

    public static readonly ResourceKind StorageClasses = new("storage.k8s.io", "v1", "storageclasses", "StorageClass", Namespaced: false);

    public static readonly ResourceKind VolumeSnapshots = new("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot");

    public static readonly ResourceKind VolumeSnapshotContents = new("snapshot.storage.k8s.io", "v1", "volumesnapshotcontents", "VolumeSnapshotContent", Namespaced: false);

    public static readonly ResourceKind VolumeSnapshotClasses = new("snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass", Namespaced: false);

    public static readonly ResourceKind Leases = new("coordination.k8s.io", "v1", "leases", "Lease");

    public static readonly ResourceKind CustomResourceDefinitions =
        new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", Namespaced: false);
}
