using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

/// <summary>What the tests of snapshots put into a cluster.</summary>
internal static class SnapshotCluster
{
    /// <summary>A cluster whose controller knows the sample storage system beside its own providers.</summary>
    public static Task<ControllerFixture> StartAsync(SampleStorage storage, Func<ControllerOptions, ControllerOptions>? configure = null) =>
        ControllerFixture.StartAsync(configure, snapshotProviders: new SnapshotProviders([.. SnapshotProviders.Default.All, storage]));

    public static void AddSnapshotLocation(this ControllerFixture cluster, string name, string provider = "portworx", string config = """{"type":"cloud"}""", string more = "") =>
        cluster.Api.Add(VeleroResources.VolumeSnapshotLocations, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{"provider":"{{provider}}","config":{{config}}{{more}} } }""");

    /// <summary>A bound claim in namespace shop and its volume, by default one that the sample storage system has.</summary>
    public static void AddVolume(this ControllerFixture cluster, string claim, string? source = null, string labels = "{}", string claimLabels = "{}", string reclaim = "Delete")
    {
        source ??= $$"""{"portworxVolume":{"volumeID":"px-{{claim}}"} }""";
        cluster.Api.Add(KubernetesResources.PersistentVolumes, $$$"""
            {"metadata":{"name":"pv-{{{claim}}}","labels":{{{labels}}} },"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"{{{reclaim}}}",
             "claimRef":{"namespace":"shop","name":"{{{claim}}}","uid":"uid-{{{claim}}}","resourceVersion":"7"},{{{source.Trim()[1..]}}} }
            """);
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, $$"""
            {"metadata":{"name":"{{claim}}","namespace":"shop","uid":"uid-{{claim}}","labels":{{claimLabels}},"annotations":{"pv.kubernetes.io/bind-completed":"yes"} },
             "spec":{"volumeName":"pv-{{claim}}","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"} } },"status":{"phase":"Bound"} }
            """);
    }

    /// <summary>A running pod in namespace shop that mounts claims, each as a volume of the claim's name.</summary>
    public static void AddPod(this ControllerFixture cluster, string name, string annotations, params string[] claims)
    {
        var mounts = string.Join(',', claims.Select(c => $$"""{"name":"{{c}}","mountPath":"/{{c}}"}"""));
        var volumes = string.Join(',', claims.Select(c => $$$"""{"name":"{{{c}}}","persistentVolumeClaim":{"claimName":"{{{c}}}"} }"""));
        cluster.Api.Add(KubernetesResources.Pods, $$"""
            {"metadata":{"name":"{{name}}","namespace":"shop","annotations":{{annotations}} },
             "spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","volumeMounts":[{{mounts}}]}],"volumes":[{{volumes}}]},"status":{"phase":"Running"} }
            """);
    }
}
