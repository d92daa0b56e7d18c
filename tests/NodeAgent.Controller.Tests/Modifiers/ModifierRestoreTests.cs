using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Modifiers;

public sealed class ModifierRestoreTests
{
    private const string Reference = """ "resourceModifier":{"kind":"ConfigMap","name":"rules"} """;

    [Fact]
    public async Task A_restore_changes_objects_as_its_modifiers_say_by_their_namespace_in_the_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop","labels":{"test":"1"}},"data":{"k":"v"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        AddRules(cluster, """
            version: v1
            resourceModifierRules:
            - conditions: {groupResource: persistentvolumeclaims, namespaces: [shop]}
              patches:
              - {operation: add, path: /spec/storageClassName, value: premium}
            - conditions: {groupResource: configmaps, namespaces: [elsewhere]}
              patches:
              - {operation: remove, path: /data}
            - conditions: {groupResource: pods}
              strategicPatches:
              - patchData: '{"spec":{"containers":[{"name":"web","image":"mirror/nginx"}]}}'
            - conditions: {groupResource: configmaps}
              mergePatches:
              - patchData: '{"metadata":{"labels":{"test":null}}}'
            """);
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b","namespaceMapping":{"shop":"elsewhere"},{{Reference}} }""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal("premium", cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "elsewhere", "data").Text("spec", "storageClassName"));
        var settings = cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "elsewhere", "settings")!;
        Assert.Equal("v", settings.Text("data", "k"));
        Assert.Null(settings.Label("test"));
        var pod = cluster.Api.Find(KubernetesResources.Pods, "elsewhere", "web")!;
        Assert.Equal("mirror/nginx", pod.Objects("spec", "containers").Single().Text("image"));
        // The container that waits for the volumes was there before the modifiers, and stays.
        Assert.Equal("restore-wait", pod.Objects("spec", "initContainers").Single().Text("name"));
    }

    [Fact]
    public async Task A_patch_that_fails_is_an_error_of_its_object_which_is_restored_without_it()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"a","namespace":"shop"},"data":{"k":"v"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"b","namespace":"shop"},"data":{"k":"v","x":"y"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddRules(cluster, ModifierCase.Patches("- {operation: remove, path: /data/x}").Replace("'*.*'", "configmaps", StringComparison.Ordinal));
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b",{{Reference}} }""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(1, restore.Number("status", "errors"));
        Assert.Contains("configmaps shop/a: resource modifier rule 1 (configmaps) was not applied: remove /data/x: nothing is at /data/x", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        Assert.Equal("v", cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "a").Text("data", "k"));
        Assert.Null(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "b").Text("data", "x"));
    }

    [Fact]
    public async Task An_object_that_is_made_another_type_is_created_as_that_or_fails_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"a","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"b","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddRules(cluster, """
            version: v1
            resourceModifierRules:
            - conditions: {groupResource: configmaps, resourceNameRegex: ^a$}
              mergePatches: [{patchData: 'kind: Secret'}]
            - conditions: {groupResource: configmaps, resourceNameRegex: ^b$}
              mergePatches: [{patchData: 'apiVersion: example.com/v9'}]
            """);
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b",{{Reference}} }""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.Secrets, "shop", "a"));
        Assert.Contains("made it a example.com/v9 ConfigMap, which the cluster does not serve", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"kind":"Secret","name":"rules"}""", "v", "kind \"Secret\" is not supported")]
    [InlineData("""{"kind":"configmap","name":"missing"}""", "v", "there is no ConfigMap \"missing\" in namespace velero")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v2\nresourceModifierRules: [{}]", "ConfigMap \"rules\": rules.yaml: version \"v2\" is not supported; it must be v1")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version1: v1", "\"version1\" is not known; here stand version, resourceModifierRules")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: []", "resourceModifierRules is empty")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: ''}, patches: [{operation: remove, path: /a}]}]", "resourceModifierRules[0].conditions.groupResource is empty")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{patches: [{operation: remove, path: /a}]}]", "resourceModifierRules[0].conditions is missing")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}}]", "exactly one of patches, mergePatches and strategicPatches")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: remove, path: /a}], mergePatches: [{patchData: 'a: b'}]}]", "exactly one of")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods, resourceNameRegex: '[a-z'}, patches: [{operation: remove, path: /a}]}]", "resourceNameRegex \"[a-z\" is no regular expression")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods, namspaces: [a]}, patches: [{operation: remove, path: /a}]}]", "\"namspaces\" is not known")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods, labelSelector: {matchExpressions: [{key: a, operator: Is}]}}, patches: [{operation: remove, path: /a}]}]", "operator \"Is\" of key \"a\"")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods, matches: [{value: x}]}, patches: [{operation: remove, path: /a}]}]", "matches[0]: path is empty")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: erase, path: /a}]}]", "patches[0].operation \"erase\" is none of add, remove")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: '', path: /a}]}]", "patches[0].operation \"\" is none of")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: add}]}]", "patches[0]: path is empty")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: add, path: a/b}]}]", "path \"a/b\" does not begin with /")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: move, path: /a}]}]", "patches[0]: from is empty")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: add, path: /a, value: '{x'}]}]", "patches[0]: value {x: neither a JSON object nor an array")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, mergePatches: [{patchData: 'text'}]}]", "mergePatches[0].patchData: it is no object")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "version: v1\nresourceModifierRules: [{", "rules.yaml: line ")]
    [InlineData("""{"kind":"configmap","name":"rules"}""", "", "no version and resourceModifierRules are in it")]
    public async Task Modifiers_that_are_not_valid_fail_the_validation_in_one_line(string reference, string rules, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        AddRules(cluster, rules);
        var restore = await cluster.RestoreAsync("bad", $$"""{"backupName":"b","resourceModifier":{{reference}} }""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        var error = Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>();
        Assert.StartsWith("spec.resourceModifier: ", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Theory]
    [InlineData("", "default", 0)]
    [InlineData(",\"skipDefaultResourceModifier\":false", "default", 0)]
    [InlineData(",\"skipDefaultResourceModifier\":true", null, 0)]
    // One's own stands in the place of the server's, which is not joined to it.
    [InlineData(",\"resourceModifier\":{\"kind\":\"ConfigMap\",\"name\":\"rules\"}", "own", 0)]
    [InlineData(",\"skipDefaultResourceModifier\":true,\"resourceModifier\":{\"kind\":\"ConfigMap\",\"name\":\"rules\"}", "own", 0)]
    public async Task The_servers_default_modifier_counts_where_a_restore_names_none_and_does_not_decline_it(string spec, string? by, int warnings)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { DefaultResourceModifier = "usual" });
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"a","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        AddRules(cluster, "version: v1\nresourceModifierRules:\n- conditions: {groupResource: configmaps}\n  mergePatches: [{patchData: 'data: {by: default}'}]", "usual");
        AddRules(cluster, "version: v1\nresourceModifierRules:\n- conditions: {groupResource: configmaps}\n  mergePatches: [{patchData: 'data: {by: own}'}]");
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b"{{spec}} }""");
        Assert.Equal((RestorePhase.Completed, (long)warnings), (restore.Text("status", "phase"), restore.Number("status", "warnings")));
        Assert.Equal(by, cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "a").Text("data", "by"));
    }

    [Theory]
    [InlineData(null, "there is no ConfigMap \\\"usual\\\" in namespace velero")]
    [InlineData("version: v9", "version \\\"v9\\\" is not supported; it must be v1")]
    public async Task A_default_modifier_that_cannot_be_used_is_warned_of_and_keeps_no_restore_from_being_made(string? rules, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { DefaultResourceModifier = "usual" });
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"a","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        if (rules is not null) AddRules(cluster, rules, "usual");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.Completed, 1L), (restore.Text("status", "phase"), restore.Number("status", "warnings")));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "a"));
        Assert.Contains(message, BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ConfigMap_with_two_entries_is_refused()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"rules","namespace":"velero"},"data":{"a":"","b":""}}""");
        var restore = await cluster.RestoreAsync("bad", $$"""{"backupName":"b",{{Reference}} }""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains("exactly one entry", restore["status"]!["validationErrors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
    }

    private static void AddRules(ControllerFixture cluster, string rules, string name = "rules") => cluster.Api.Add(
        WellKnownTestKinds.ConfigMaps,
        new JsonObject { ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "velero" }, ["data"] = new JsonObject { ["rules.yaml"] = rules } }.ToJsonString());
}
