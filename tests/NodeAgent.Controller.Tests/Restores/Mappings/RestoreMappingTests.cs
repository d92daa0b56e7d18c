using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores.Mappings;

public sealed class RestoreMappingTests
{
    private static readonly ResourceKind StatefulSets = new("apps", "v1", "statefulsets", "StatefulSet");
    private static readonly ResourceKind CronJobs = new("batch", "v1", "cronjobs", "CronJob");

    [Fact]
    public async Task Storage_classes_are_renamed_in_claims_volumes_and_templates()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.ServeMore(KubernetesResources.StorageClasses, StatefulSets);
        cluster.Api.Add(KubernetesResources.StorageClasses, """{"metadata":{"name":"new"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"pv"},"spec":{"storageClassName":"old","persistentVolumeReclaimPolicy":"Retain","claimRef":{"namespace":"shop","name":"kept"}}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"kept","namespace":"shop"},"spec":{"storageClassName":"old","volumeName":"pv"},"status":{"phase":"Bound"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"other","namespace":"shop"},"spec":{"storageClassName":"fine"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"none","namespace":"shop"},"spec":{}}""");
        cluster.Api.Add(StatefulSets, """{"metadata":{"name":"db","namespace":"shop"},"spec":{"volumeClaimTemplates":[{"spec":{"storageClassName":"old"}},{"spec":{"storageClassName":"fine"}},{"spec":{}}]}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Remove(KubernetesResources.PersistentVolumes, null, "pv");
        cluster.Api.Remove(StatefulSets, "shop", "db");
        AddConfig(cluster, "classes", "velero.io/change-storage-class", """{"old":"new","unused":"missing"}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal("new", cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv").Text("spec", "storageClassName"));
        Assert.Equal("new", cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "kept").Text("spec", "storageClassName"));
        Assert.Equal("fine", cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "other").Text("spec", "storageClassName"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "none").Text("spec", "storageClassName"));
        Assert.Equal(["new", "fine", null], cluster.Api.Find(StatefulSets, "shop", "db").Objects("spec", "volumeClaimTemplates").Select(t => t.Text("spec", "storageClassName")));
    }

    [Fact]
    public async Task A_storage_class_that_does_not_exist_keeps_its_claims_from_being_restored_and_nothing_else()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.ServeMore(KubernetesResources.StorageClasses);
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop"},"spec":{"storageClassName":"old"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddConfig(cluster, "classes", "velero.io/change-storage-class", """{"old":"new"}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Contains("storage class old is mapped to new, which the cluster does not have", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));
    }

    [Theory]
    [InlineData("1.1.1.1:5000,2.2.2.2:3000", "2.2.2.2:3000/abc:test")]
    [InlineData("5000,3000", "1.1.1.1:3000/abc:test")]
    [InlineData("abc:test,edf:test", "1.1.1.1:5000/edf:test")]
    [InlineData("abc:test , myproject:latest", "1.1.1.1:5000/myproject:latest")]
    [InlineData("1.1.1.1:5000/abc:test,2.2.2.2:3000/edf:test", "2.2.2.2:3000/edf:test")]
    [InlineData("another,image", "1.1.1.1:5000/abc:test")]
    [InlineData("abc:test", "1.1.1.1:5000/abc:test")]
    [InlineData("abc:test,", "1.1.1.1:5000/abc:test")]
    [InlineData(",abc:test", "1.1.1.1:5000/abc:test")]
    public async Task Parts_of_image_names_are_replaced_wherever_pods_are_described(string rule, string expected)
    {
        const string Containers = """{"containers":[{"name":"a","image":"1.1.1.1:5000/abc:test"},{"name":"b"}],"initContainers":[{"name":"c","image":"1.1.1.1:5000/abc:test"}]}""";
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.ServeMore(CronJobs);
        cluster.Api.Add(KubernetesResources.Pods, $$"""{"metadata":{"name":"p","namespace":"shop"},"spec":{{Containers}} }""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"shop"},"spec":{"template":{"spec":""" + Containers + "}}}");
        cluster.Api.Add(CronJobs, """{"metadata":{"name":"c","namespace":"shop"},"spec":{"jobTemplate":{"spec":{"template":{"spec":""" + Containers + "}}}}}");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Remove(WellKnownTestKinds.Deployments, "shop", "d");
        cluster.Api.Remove(CronJobs, "shop", "c");
        AddConfig(cluster, "images", "velero.io/change-image-name", new JsonObject { ["case1"] = rule }.ToJsonString());
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        JsonNode?[] pods =
        [
            cluster.Api.Find(KubernetesResources.Pods, "shop", "p").At("spec"), cluster.Api.Find(WellKnownTestKinds.Deployments, "shop", "d").At("spec", "template", "spec"),
            cluster.Api.Find(CronJobs, "shop", "c").At("spec", "jobTemplate", "spec", "template", "spec"),
        ];
        foreach (var pod in pods)
        {
            Assert.Equal([expected, null], pod.Objects("containers").Select(c => c.Text("image")));
            Assert.Equal([expected], pod.Objects("initContainers").Select(c => c.Text("image")));
        }
    }

    [Theory]
    [InlineData("""{"n1":"n2"}""", "n2", 0)]
    [InlineData("""{"n1":"n9"}""", null, 1)]
    [InlineData("""{"n7":"n2"}""", null, 0)]
    [InlineData("{}", null, 0)]
    public async Task A_claims_node_is_another_one_or_none(string mapping, string? expected, int warnings)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Nodes, """{"metadata":{"name":"n2"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop","annotations":{"volume.kubernetes.io/selected-node":"n1"}},"spec":{}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddConfig(cluster, "nodes", "velero.io/change-pvc-node-selector", mapping);
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(warnings, restore.Number("status", "warnings"));
        Assert.Equal(expected, cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data")!.Annotation("volume.kubernetes.io/selected-node"));
    }

    [Fact]
    public async Task Two_ConfigMaps_for_the_same_purpose_are_refused_and_one_without_the_marker_does_not_count()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        AddConfig(cluster, "one", "velero.io/change-image-name", "{}");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"unmarked","namespace":"velero","labels":{"velero.io/change-image-name":"RestoreItemAction"}}}""");
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("fine", """{"backupName":"b"}""")).Text("status", "phase"));
        AddConfig(cluster, "two", "velero.io/change-image-name", "{}");
        var restore = await cluster.RestoreAsync("bad", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains("ConfigMaps one, two in namespace velero all have the label velero.io/change-image-name=RestoreItemAction", restore["status"]!["validationErrors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"image":"my.registry/helper:7","command":"/helper"}""", "my.registry/helper:7", "/helper")]
    [InlineData("""{"image":"my.registry/helper"}""", "my.registry/helper:1", "/nodeagent")]
    [InlineData("""{"image":"my.registry:5000/helper"}""", "my.registry:5000/helper:1", "/nodeagent")]
    [InlineData("""{"image":"helper"}""", "registry.example/nodeagent:1", "/nodeagent")]
    [InlineData("{}", "registry.example/nodeagent:1", "/nodeagent")]
    public async Task The_waiting_container_takes_its_image_and_command_from_the_ConfigMap(string settings, string image, string command)
    {
        var (wait, warnings) = await WaitContainerAsync(settings);
        Assert.Equal(image, wait.Text("image"));
        Assert.Equal(command, wait["command"]![0]!.GetValue<string>());
        Assert.Equal(0, warnings);
    }

    [Theory]
    [InlineData("""{"cpuRequest":"200m","memRequest":"64Mi","cpuLimit":"1","memLimit":"1Gi"}""", """{"requests":{"cpu":"200m","memory":"64Mi"},"limits":{"cpu":"1","memory":"1Gi"}}""", 0)]
    [InlineData("""{"cpuLimit":"0","memLimit":"0"}""", """{"requests":{"cpu":"100m","memory":"128Mi"}}""", 0)]
    [InlineData("""{"cpuRequest":"much"}""", """{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"100m","memory":"128Mi"}}""", 1)]
    [InlineData("""{"memRequest":"2Gi","memLimit":"1Gi"}""", """{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"100m","memory":"128Mi"}}""", 1)]
    public async Task The_waiting_container_takes_its_resources_from_the_ConfigMap_unless_they_make_no_sense(string settings, string resources, int expectedWarnings)
    {
        var (wait, warnings) = await WaitContainerAsync(settings);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(resources), wait["resources"]), wait["resources"]!.ToJsonString());
        Assert.Equal(expectedWarnings, warnings);
    }

    [Theory]
    [InlineData("""{"secCtxRunAsUser":"1001","secCtxRunAsGroup":"999","secCtxAllowPrivilegeEscalation":"false"}""", """{"runAsUser":1001,"runAsGroup":999,"allowPrivilegeEscalation":false}""", 0)]
    [InlineData("""{"secCtx":"capabilities:\n  drop: [ALL]\nrunAsUser: 7"}""", """{"capabilities":{"drop":["ALL"]},"runAsUser":7}""", 0)]
    [InlineData("""{"secCtxRunAsUser":"root"}""", """{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"},"runAsUser":1000,"runAsNonRoot":true}""", 1)]
    [InlineData("""{"secCtx":"[unclosed"}""", """{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"},"runAsUser":1000,"runAsNonRoot":true}""", 1)]
    public async Task The_waiting_container_takes_its_security_context_from_the_ConfigMap_unless_it_makes_no_sense(string settings, string context, int expectedWarnings)
    {
        var (wait, warnings) = await WaitContainerAsync(settings);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(context), wait["securityContext"]), wait["securityContext"]!.ToJsonString());
        Assert.Equal(expectedWarnings, warnings);
    }

    [Fact]
    public async Task The_waiting_container_looks_into_a_volume_of_its_own_and_asks_no_registry_when_the_image_is_there()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("r", """{"backupName":"b"}""")).Text("status", "phase"));
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web");
        var wait = pod.Objects("spec", "initContainers").Single();
        Assert.Equal("IfNotPresent", wait.Text("imagePullPolicy"));
        Assert.Equal("""[{"name":"nodeagent-restore","mountPath":"/restores/data","subPath":"data"}]""", wait["volumeMounts"]!.ToJsonString());
        Assert.Equal("""{"name":"nodeagent-restore","emptyDir":{}}""", pod.Objects("spec", "volumes").Last().ToJsonString());

        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", """{"status":{"phase":"Running"}}""");

        // What is restored again, from a backup of all volumes, has it once, and its own files are in no backup.
        var second = await cluster.BackUpAsync("b2", """{"includedNamespaces":["shop"],"defaultVolumesToFsBackup":true}""");
        Assert.Equal(BackupPhase.Completed, second.Text("status", "phase"));
        var volumes = cluster.Api.All(VeleroResources.PodVolumeBackups).Where(b => b.Text("metadata", "labels", VeleroLabels.BackupName) == "b2").Select(b => b.Text("spec", "volume"));
        Assert.Equal(["scratch"], volumes);
        cluster.LoseShop();
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("r2", """{"backupName":"b2"}""")).Text("status", "phase"));
        Assert.Single(cluster.Api.Find(KubernetesResources.Pods, "shop", "web").Objects("spec", "volumes"), v => v.Text("name") == "nodeagent-restore");
    }

    private static async Task<(JsonObject Container, long Warnings)> WaitContainerAsync(string settings)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddConfig(cluster, "wait", "velero.io/pod-volume-restore", settings);
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        return (cluster.Api.Find(KubernetesResources.Pods, "shop", "web").Objects("spec", "initContainers").Single(), restore.Number("status", "warnings"));
    }

    private static void AddConfig(ControllerFixture cluster, string name, string plugin, string data) => cluster.Api.Add(
        WellKnownTestKinds.ConfigMaps,
        $$$"""{"metadata":{"name":"{{{name}}}","namespace":"velero","labels":{"velero.io/plugin-config":"","{{{plugin}}}":"RestoreItemAction"}},"data":{{{data}}} }""");
}
