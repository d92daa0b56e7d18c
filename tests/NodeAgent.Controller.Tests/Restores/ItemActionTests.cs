using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>What Velero's restore item actions do to objects, case by case.</summary>
public sealed class ItemActionTests
{
    private const string Managed = """[{"manager":"user","operation":"Apply","fieldsV1":{"f:spec":{"f:ports":{"k:{\"port\":8080,\"protocol\":\"TCP\"}":{"f:nodePort":{}}},"f:healthCheckNodePort":{}}}}]""";

    [Theory]
    [InlineData("the ports that nobody chose go", """{"spec":{"ports":[{"name":"a","port":80,"nodePort":30001},{"port":81,"nodePort":30002}]}}""", null, false, 0, 0)]
    [InlineData("those applied by name and number stay", """{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"ports\":[{\"name\":\"a\",\"nodePort\":30001},{\"nodePort\":\"30002\"}]}}"}},"spec":{"ports":[{"name":"a","port":80,"nodePort":30001},{"port":81,"nodePort":30002}]}}""", null, false, 30001, 30002)]
    [InlineData("a number that was applied and is not the one in the backup goes", """{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"ports\":[{\"nodePort\":30009}]}}"}},"spec":{"ports":[{"port":81,"nodePort":30002}]}}""", null, false, 0)]
    [InlineData("those applied on the server's side stay", """{"spec":{"ports":[{"name":"a","port":8080,"protocol":"TCP","nodePort":30001},{"name":"b","port":8081,"protocol":"TCP","nodePort":30002}]}}""", Managed, false, 30001, 0)]
    [InlineData("what kubectl applied comes before what the server noted", """{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{}}"}},"spec":{"ports":[{"name":"a","port":8080,"protocol":"TCP","nodePort":30001}]}}""", Managed, false, 0)]
    [InlineData("all stay when the restore says so", """{"spec":{"ports":[{"name":"a","port":80,"nodePort":30001}]}}""", null, true, 30001)]
    [InlineData("an external name keeps what it has", """{"spec":{"type":"ExternalName","ports":[{"name":"a","port":80,"nodePort":30001}]}}""", null, false, 30001)]
    public void Node_ports_that_a_user_chose_stay_and_others_go(string why, string service, string? managed, bool preserve, params int[] expected)
    {
        var item = (JsonObject)JsonNode.Parse(service)!;
        RestoredObject.PrepareService(item, preserve, managed is null ? null : JsonNode.Parse(managed));
        Assert.True(expected.Select(e => (long)e).SequenceEqual(item.Objects("spec", "ports").Select(p => p.Number("nodePort"))), why + ": " + item.ToJsonString());
    }

    [Theory]
    [InlineData("LoadBalancer", "Local", null, false, 0)]
    [InlineData("LoadBalancer", "Local", Managed, false, 32000)]
    [InlineData("LoadBalancer", "Local", null, true, 32000)]
    [InlineData("LoadBalancer", "Cluster", null, false, 32000)]
    [InlineData("NodePort", "Local", null, false, 32000)]
    public void A_health_check_port_that_the_cluster_chose_goes(string type, string policy, string? managed, bool preserve, long expected)
    {
        var item = (JsonObject)JsonNode.Parse($$"""{"spec":{"type":"{{type}}","externalTrafficPolicy":"{{policy}}","healthCheckNodePort":32000} }""")!;
        RestoredObject.PrepareService(item, preserve, managed is null ? null : JsonNode.Parse(managed));
        Assert.Equal(expected, item.Number("spec", "healthCheckNodePort"));
    }

    [Theory]
    [InlineData("""{"apiVersion":"admissionregistration.k8s.io/v1","webhooks":[{"name":"a","sideEffects":"Unknown"},{"name":"b","sideEffects":"Some"},{"name":"c","sideEffects":"NoneOnDryRun"},{"name":"d"}]}""", "None,None,NoneOnDryRun,None")]
    [InlineData("""{"apiVersion":"admissionregistration.k8s.io/v1beta1","webhooks":[{"name":"a","sideEffects":"Unknown"}]}""", "Unknown")]
    public void Webhooks_get_the_side_effects_that_the_present_version_admits(string configuration, string expected)
    {
        var item = (JsonObject)JsonNode.Parse(configuration)!;
        RestoredObject.PrepareWebhooks(item);
        Assert.Equal(expected, string.Join(',', item.Objects("webhooks").Select(w => w.Text("sideEffects"))));
    }

    [Theory]
    [InlineData("apiextensions.k8s.io/v1", true, false, true)]
    [InlineData("apiextensions.k8s.io/v1", false, false, false)]
    [InlineData("apiextensions.k8s.io/v1beta1", true, true, false)]
    public void A_definition_keeps_unknown_fields_in_the_way_that_is_admitted(string apiVersion, bool flag, bool flagAfter, bool inSchema)
    {
        var item = (JsonObject)JsonNode.Parse($$"""{"apiVersion":"{{apiVersion}}","spec":{"preserveUnknownFields":{{(flag ? "true" : "false")}},"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object"} } },{"name":"v2"}]} }""")!;
        RestoredObject.PrepareDefinition(item);
        Assert.Equal(flagAfter, item.IsTrue("spec", "preserveUnknownFields"));
        Assert.Equal(inSchema, item["spec"]!["versions"]![0].IsTrue("schema", "openAPIV3Schema", "x-kubernetes-preserve-unknown-fields"));
    }

    [Fact]
    public async Task A_pod_that_labels_choose_brings_its_claim_and_volume()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"unrelated","namespace":"shop"},"spec":{}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","labelSelector":{"matchLabels":{"app":"web"}}}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "unrelated"));
    }

    [Theory]
    [InlineData("""{"includedResources":["pods"]}""")]
    [InlineData("""{"excludedResources":["persistentvolumeclaims"]}""")]
    public async Task A_claim_does_not_come_along_where_its_type_is_left_out(string filter)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b",""" + filter[1..]);
        Assert.NotNull(cluster.Api.Find(KubernetesResources.Pods, "shop", "web"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeRestores));
    }

    [Theory]
    [InlineData("Apply", true)]
    [InlineData("Update", false)]
    public async Task Who_applied_fields_on_the_servers_side_owns_them_again(string operation, bool restored)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$$"""{"metadata":{"name":"settings","namespace":"shop","managedFields":[{"manager":"ci","operation":"{{{operation}}}","apiVersion":"v1"}]},"data":{"k":"v"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        var managers = cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings").Objects("metadata", "managedFields");
        Assert.Equal(restored ? ["ci"] : [], managers.Select(m => m.Text("manager")));
    }

    [Theory]
    [InlineData("true", "{}", "9")]
    [InlineData("TRUE", "{}", "9")]
    [InlineData("false", """{"includedResources":["deployments"]}""", null)]
    [InlineData("False", """{"includedResources":["deployments"]}""", null)]
    [InlineData("maybe", """{"includedResources":["deployments"]}""", "9")]
    [InlineData("maybe", "{}", null)]
    public async Task An_object_says_by_annotation_whether_its_status_comes_back(string annotation, string restoreStatus, string? observed)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Deployments, $$$"""{"metadata":{"name":"d","namespace":"shop","annotations":{"velero.io/restore-status":"{{{annotation}}}"}},"status":{"observed":"9"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(WellKnownTestKinds.Deployments, "shop", "d");
        await cluster.RestoreAsync("r", $$"""{"backupName":"b","restoreStatus":{{restoreStatus}} }""");
        Assert.Equal(observed, cluster.Api.Find(WellKnownTestKinds.Deployments, "shop", "d").Text("status", "observed"));
    }

    [Fact]
    public async Task What_cannot_be_updated_gets_the_labels_of_the_restore()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"},"data":{"owner":"ours"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(WellKnownTestKinds.ConfigMaps, "shop", "settings", """{"data":{"owner":"theirs"}}""");
        // As the server answers for fields that cannot be changed.
        var refused = 0;
        cluster.Api.Interfere = r => r.Method == "PATCH" && r.Path.Value!.EndsWith("/configmaps/settings", StringComparison.Ordinal) && Interlocked.Increment(ref refused) == 1 ? (System.Net.HttpStatusCode.UnprocessableEntity, "Invalid") : null;
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","existingResourcePolicy":"update"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(1, restore.Number("status", "warnings"));
        var settings = cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings")!;
        Assert.Equal("theirs", settings.Text("data", "owner"));
        Assert.Equal("r", settings.Label(VeleroLabels.RestoreName));
    }

    [Fact]
    public async Task A_pod_that_its_controller_removes_since_the_node_is_missing_does_not_hold_up_the_restore()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Schedules = false;
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).Count > 0);
        cluster.Api.Remove(KubernetesResources.Pods, "shop", "web");
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Contains("the pod was deleted before its volumes were restored", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"name":"i","image":"x"}""")]
    [InlineData("""{"name":"i","command":["c"]}""")]
    [InlineData("""{"image":"x","command":["c"]}""")]
    [InlineData("""{"name":"i","image":"x","command":[]}""")]
    public async Task An_init_container_of_a_hook_needs_name_image_and_command(string container)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var restore = await cluster.RestoreAsync("bad", """{"backupName":"b","hooks":{"resources":[{"name":"h","postHooks":[{"init":{"initContainers":[""" + container + "]}}]}]}}");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains("init container of hook \"h\" lacks", restore["status"]!["validationErrors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
    }
}
