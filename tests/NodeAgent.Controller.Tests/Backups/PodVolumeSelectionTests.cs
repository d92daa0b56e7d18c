using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Backups.Policies;

namespace NodeAgent.Controller.Tests.Backups;

/// <summary>Which volumes of a pod are taken by files, case by case. Every volume but the one called idle is mounted; raw is a device.</summary>
public sealed class PodVolumeSelectionTests
{
    private const string Volumes = """
        {"name":"a","emptyDir":{}},{"name":"b","emptyDir":{}},{"name":"claimed","persistentVolumeClaim":{"claimName":"c"}},{"name":"generic","ephemeral":{}},{"name":"raw","persistentVolumeClaim":{"claimName":"r"}},
        {"name":"idle","emptyDir":{}},{"name":"early","emptyDir":{}},{"name":"nodeagent-restore","emptyDir":{}},{"name":"host","hostPath":{"path":"/x"}},{"name":"secret","secret":{}},{"name":"config","configMap":{}},{"name":"projected","projected":{}},{"name":"downward","downwardAPI":{}},
        {"name":"default-token-x1","emptyDir":{}}
        """;

    [Theory]
    // Those that the pod names.
    [InlineData(null, "")]
    [InlineData("", "")]
    [InlineData("a", "a")]
    [InlineData("a,b,claimed", "a b claimed")]
    [InlineData(" a , b ,", "a b")]
    [InlineData("a,a", "a")]
    [InlineData("absent,a", "a")]
    [InlineData("host,secret,config,projected,downward,default-token-x1", "")]
    [InlineData("idle,raw,generic,early", "early generic")]
    public void Without_the_backups_wish_the_pod_names_its_volumes(string? annotation, string expected) => Assert.Equal(expected, Taken(annotation, optOut: false));

    [Theory]
    [InlineData(null, "a b claimed early generic")]
    [InlineData("a", "b claimed early generic")]
    [InlineData(" a ,claimed", "b early generic")]
    [InlineData("absent", "a b claimed early generic")]
    public void With_it_all_are_taken_that_can_be_but_those_that_the_pod_excludes(string? annotation, string expected) => Assert.Equal(expected, Taken(annotation, optOut: true));

    [Fact]
    public void Volumes_of_claims_are_left_out_where_the_backup_leaves_out_claims()
    {
        Assert.Equal("a b early", Taken(null, optOut: true, claimsTaken: false));
        Assert.Equal("a", Taken("a,claimed", optOut: false, claimsTaken: false));
    }

    [Theory]
    [InlineData("absent", "the pod has no volume of this name")]
    [InlineData("idle", "no container of the pod mounts it")]
    [InlineData("raw", "it is used as a block device, which file-system backup does not read")]
    [InlineData("host", "hostPath volumes are not backed up")]
    [InlineData("config", "configMap volumes are not backed up")]
    [InlineData("default-token-x1", "it holds a service account token")]
    public void A_volume_that_was_asked_for_and_cannot_be_taken_says_why(string volume, string reason)
    {
        var decision = Assert.Single(Select(volume, optOut: false, claimsTaken: true));
        Assert.Equal((reason, true), (decision.Skipped, decision.WasAskedFor));
    }

    [Fact]
    public void Volumes_of_a_static_pod_are_not_taken()
    {
        var pod = (JsonObject)JsonNode.Parse("""
            {"metadata":{"name":"etcd","namespace":"kube-system","annotations":{"kubernetes.io/config.mirror":"x"}},
             "spec":{"containers":[{"name":"c","volumeMounts":[{"name":"a"}]}],"volumes":[{"name":"a","emptyDir":{}}]}}
            """)!;
        var decision = Assert.Single(PodVolumeSelection.Select(pod, optOut: true, claimsTaken: true, new Dictionary<string, VolumePolicy>()));
        Assert.Equal((VolumeAction.Skip, "the pod is a static one, which its node's kubelet makes"), (decision.Action, decision.Skipped));
    }

    [Fact]
    public void The_claim_of_a_generic_volume_is_named_for_pod_and_volume() => Assert.Equal("p-generic", Assert.Single(Select("generic", optOut: false, claimsTaken: true)).Claim);

    private static string Taken(string? annotation, bool optOut, bool claimsTaken = true) =>
        string.Join(' ', Select(annotation, optOut, claimsTaken).Where(d => d.Action == VolumeAction.FsBackup).Select(d => d.Volume).Order(StringComparer.Ordinal));

    private static IReadOnlyList<VolumeDecision> Select(string? annotation, bool optOut, bool claimsTaken)
    {
        var pod = (JsonObject)JsonNode.Parse($$$"""
            {"metadata":{"name":"p","namespace":"shop","annotations":{}},"spec":{"volumes":[{{{Volumes}}}],
             "initContainers":[{"name":"i","volumeMounts":[{"name":"early"},{"name":"nodeagent-restore"}]}],
             "containers":[{"name":"c","volumeDevices":[{"name":"raw"}],"volumeMounts":[{"name":"a"},{"name":"b"},{"name":"claimed"},{"name":"generic"},{"name":"host"},{"name":"secret"},{"name":"config"},{"name":"projected"},{"name":"downward"},{"name":"default-token-x1"}]}]} }
            """)!;
        if (annotation is not null) pod["metadata"]!["annotations"]![optOut ? "backup.velero.io/backup-volumes-excludes" : "backup.velero.io/backup-volumes"] = annotation;
        return PodVolumeSelection.Select(pod, optOut, claimsTaken, new Dictionary<string, VolumePolicy>());
    }
}
