using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Tests.Modifiers;

public sealed class StrategicMergeTests
{
    [Theory]
    [InlineData("""{"spec":{"containers":[{"name":"nginx","image":"nginx1"}]}}""", """{"spec":{"containers":[{"name":"nginx","image":"nginx1"}]}}""")]
    [InlineData("spec:\n  containers:\n  - name: nginx\n    image: nginx1", """{"spec":{"containers":[{"name":"nginx","image":"nginx1"}]}}""")]
    public void An_image_is_changed_by_the_name_of_its_container_in_JSON_and_in_YAML(string patch, string expected) =>
        AssertMerged("v1", "Pod", """{"spec":{"containers":[{"name":"nginx","image":"nginx"}]}}""", patch, expected);

    [Theory]
    // A volume changes its source: by null, by naming what stays, or by the whole item.
    [InlineData("""{"spec":{"volumes":[{"nfs":null,"name":"vol1","persistentVolumeClaim":{"claimName":"pvc1"}}]}}""")]
    [InlineData("""{"spec":{"volumes":[{"$retainKeys":["name","persistentVolumeClaim"],"name":"vol1","persistentVolumeClaim":{"claimName":"pvc1"}}]}}""")]
    [InlineData("""{"spec":{"volumes":[{"$patch":"replace"},{"name":"vol1","persistentVolumeClaim":{"claimName":"pvc1"}},{"name":"vol2","emptyDir":{}}]}}""")]
    public void A_volume_gets_another_source(string patch) => AssertMerged(
        "v1", "Pod", """{"spec":{"volumes":[{"name":"vol1","nfs":{"path":"/fake2"}},{"name":"vol2","emptyDir":{}}]}}""", patch,
        """{"spec":{"volumes":[{"name":"vol1","persistentVolumeClaim":{"claimName":"pvc1"}},{"name":"vol2","emptyDir":{}}]}}""");

    [Fact]
    public void A_port_of_a_service_is_replaced_by_deleting_it_and_adding_another_in_its_place() => AssertMerged(
        "v1", "Service", """{"spec":{"ports":[{"name":"fake1","port":8001,"protocol":"TCP"},{"name":"fake","port":8000,"protocol":"TCP"},{"name":"fake2","port":8002,"protocol":"TCP"}]}}""",
        """{"spec":{"$setElementOrder/ports":[{"port":8001},{"port":9000},{"port":8002}],"ports":[{"name":"fake","port":9000,"protocol":"TCP"},{"$patch":"delete","port":8000}]}}""",
        """{"spec":{"ports":[{"name":"fake1","port":8001,"protocol":"TCP"},{"name":"fake","port":9000,"protocol":"TCP"},{"name":"fake2","port":8002,"protocol":"TCP"}]}}""");

    [Theory]
    [InlineData("""{"metadata":{"labels":{"a":"c"}}}""", """{"metadata":{"labels":{"a":"c","c":"d"}}}""")]
    [InlineData("metadata:\n  labels:\n    a: c", """{"metadata":{"labels":{"a":"c","c":"d"}}}""")]
    [InlineData("""{"metadata":{"labels":{"a":null}}}""", """{"metadata":{"labels":{"c":"d"}}}""")]
    [InlineData("""{"metadata":{"labels":{"e":"f"}}}""", """{"metadata":{"labels":{"a":"b","c":"d","e":"f"}}}""")]
    [InlineData("""{"metadata":{"labels":{"absent":null}}}""", """{"metadata":{"labels":{"a":"b","c":"d"}}}""")]
    [InlineData("""{"metadata":{"labels":{"$patch":"replace","x":"y"}}}""", """{"metadata":{"labels":{"x":"y"}}}""")]
    [InlineData("""{"metadata":{"labels":{"$patch":"delete"}}}""", """{"metadata":{"labels":{}}}""")]
    [InlineData("""{"metadata":{"labels":{"$patch":"merge","a":"c"}}}""", """{"metadata":{"labels":{"a":"c","c":"d"}}}""")]
    public void Labels_are_changed_added_deleted_and_replaced(string patch, string expected) =>
        AssertMerged("v1", "ConfigMap", """{"metadata":{"labels":{"a":"b","c":"d"}}}""", patch, expected);

    [Theory]
    // What is known by a key is merged, at any depth of the pod's template; new items come first.
    [InlineData("""{"env":[{"name":"A","value":"2"}]}""", """{"env":[{"name":"A","value":"2"},{"name":"B","value":"1"}]}""")]
    [InlineData("""{"env":[{"name":"C","value":"3"}]}""", """{"env":[{"name":"C","value":"3"},{"name":"A","value":"1"},{"name":"B","value":"1"}]}""")]
    [InlineData("""{"env":[{"name":"A","$patch":"delete"}]}""", """{"env":[{"name":"B","value":"1"}]}""")]
    [InlineData("""{"$setElementOrder/env":[{"name":"B"},{"name":"A"}]}""", """{"env":[{"name":"B","value":"1"},{"name":"A","value":"1"}]}""")]
    [InlineData("""{"ports":[{"containerPort":80,"name":"http"}]}""", """{"ports":[{"containerPort":80,"name":"http"},{"containerPort":81}]}""")]
    [InlineData("""{"volumeMounts":[{"mountPath":"/d","name":"other"}]}""", """{"volumeMounts":[{"mountPath":"/d","name":"other"},{"mountPath":"/e","name":"e"}]}""")]
    [InlineData("""{"volumeDevices":[{"devicePath":"/dev/x","name":"y"}]}""", """{"volumeDevices":[{"devicePath":"/dev/x","name":"y"}]}""")]
    // The rest is replaced as a whole.
    [InlineData("""{"command":["c"]}""", """{"command":["c"]}""")]
    [InlineData("""{"envFrom":[{"secretRef":{"name":"n"}}]}""", """{"envFrom":[{"secretRef":{"name":"n"}}]}""")]
    public void Lists_of_containers_are_merged_by_their_keys_or_replaced(string container, string expected)
    {
        const string Before = """{"name":"web","env":[{"name":"A","value":"1"},{"name":"B","value":"1"}],"ports":[{"containerPort":80},{"containerPort":81}],"volumeMounts":[{"mountPath":"/d","name":"d"},{"mountPath":"/e","name":"e"}],"volumeDevices":[{"devicePath":"/dev/x","name":"x"}],"command":["a","b"],"envFrom":[{"configMapRef":{"name":"m"}}]}""";
        static string In(string c) => """{"spec":{"template":{"spec":{"initContainers":[""" + c + "]}}}}";
        var named = "{\"name\":\"web\"," + container[1..];
        var wanted = (JsonObject)JsonNode.Parse(Before)!;
        foreach (var (name, value) in JsonNode.Parse(expected)!.AsObject()) wanted[name] = value?.DeepClone();
        AssertMerged("apps/v1", "StatefulSet", In(Before), In(named), In(wanted.ToJsonString()));
    }

    [Theory]
    [InlineData("tolerations", """[{"key":"a"}]""", """[{"key":"b"}]""", """[{"key":"b"}]""")]
    [InlineData("imagePullSecrets", """[{"name":"a"}]""", """[{"name":"b"}]""", """[{"name":"b"},{"name":"a"}]""")]
    [InlineData("hostAliases", """[{"ip":"1.1.1.1","hostnames":["a"]}]""", """[{"ip":"1.1.1.1","hostnames":["b"]}]""", """[{"ip":"1.1.1.1","hostnames":["b"]}]""")]
    [InlineData("topologySpreadConstraints", """[{"topologyKey":"zone","maxSkew":1}]""", """[{"topologyKey":"zone","maxSkew":2}]""", """[{"topologyKey":"zone","maxSkew":2}]""")]
    public void Lists_of_the_pod_are_merged_by_their_keys_or_replaced(string field, string before, string patch, string expected)
    {
        string In(string value) => """{"spec":{"jobTemplate":{"spec":{"template":{"spec":{""" + $"\"{field}\":{value}}}}}}}}}}}}}";
        AssertMerged("batch/v1", "CronJob", In(before), In(patch), In(expected));
    }

    [Theory]
    [InlineData("""{"metadata":{"finalizers":["c","a"]}}""", """{"metadata":{"finalizers":["c","a","b"]}}""")]
    [InlineData("""{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}""", """{"metadata":{"finalizers":["b"]}}""")]
    public void Finalizers_are_a_set(string patch, string expected) => AssertMerged("v1", "ConfigMap", """{"metadata":{"finalizers":["a","b"]}}""", patch, expected);

    [Theory]
    [InlineData("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", """{"webhooks":[{"name":"w","failurePolicy":"Fail","rules":[1]}]}""", """{"webhooks":[{"name":"w","failurePolicy":"Ignore"}]}""", """{"webhooks":[{"name":"w","failurePolicy":"Ignore","rules":[1]}]}""")]
    [InlineData("policy/v1", "PodDisruptionBudget", """{"spec":{"selector":{"matchLabels":{"a":"b"}}}}""", """{"spec":{"selector":{"matchLabels":{"c":"d"}}}}""", """{"spec":{"selector":{"matchLabels":{"c":"d"}}}}""")]
    [InlineData("rbac.authorization.k8s.io/v1", "Role", """{"rules":[{"verbs":["get"]}]}""", """{"rules":[{"verbs":["list"]}]}""", """{"rules":[{"verbs":["list"]}]}""")]
    [InlineData("v1", "ServiceAccount", """{"secrets":[{"name":"a"}],"imagePullSecrets":[{"name":"a"}]}""", """{"secrets":[{"name":"b"}],"imagePullSecrets":[{"name":"b"}]}""", """{"secrets":[{"name":"b"},{"name":"a"}],"imagePullSecrets":[{"name":"b"}]}""")]
    public void Other_types_have_keys_of_their_own(string apiVersion, string kind, string before, string patch, string expected) => AssertMerged(apiVersion, kind, before, patch, expected);

    [Theory]
    [InlineData("example.com/v1", "Widget", "{}", """{"spec":{}}""", "use mergePatches")]
    [InlineData("v1", "Pod", """{"spec":{"containers":[{"name":"a"}]}}""", """{"spec":{"containers":[{"image":"x"}]}}""", "/spec/containers: an item of the patch has no name")]
    [InlineData("v1", "Pod", """{"spec":{"containers":[{"name":"a"}]}}""", """{"spec":{"containers":["x"]}}""", "/spec/containers: each item must be an object")]
    [InlineData("v1", "Pod", "{}", """{"spec":{"$patch":"clear"}}""", "/spec: $patch \"clear\" is none of")]
    [InlineData("v1", "Pod", """{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}""", """{"spec":{"volumes":[{"name":"v","$retainKeys":["name"],"nfs":{}}]}}""", "the patch sets nfs, which its $retainKeys does not name")]
    public void A_patch_that_does_not_fit_is_an_error(string apiVersion, string kind, string before, string patch, string message)
    {
        var item = $$"""{"apiVersion":"{{apiVersion}}","kind":"{{kind}}",{{before[1..]}}""".Replace(",}", "}", StringComparison.Ordinal);
        Assert.Contains(message, ModifierCase.Problem(ModifierCase.Strategic(patch), item, "any"), StringComparison.Ordinal);
    }

    private static void AssertMerged(string apiVersion, string kind, string before, string patch, string expected)
    {
        var type = $$"""{"apiVersion":"{{apiVersion}}","kind":"{{kind}}",""";
        ModifierCase.AssertJson(type + expected[1..], ModifierCase.Apply(ModifierCase.Strategic(patch), type + before[1..], "any"));
    }
}
