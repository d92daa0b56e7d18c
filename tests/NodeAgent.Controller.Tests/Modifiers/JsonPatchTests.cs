namespace NodeAgent.Controller.Tests.Modifiers;

public sealed class JsonPatchTests
{
    [Theory]
    [InlineData("- {operation: replace, path: /a, value: '2'}", """{"a":2}""")]
    [InlineData("- {operation: replace, path: /a, value: 2}", """{"a":2}""")]
    [InlineData("- {operation: replace, path: /a, value: '\"2\"'}", """{"a":"2"}""")]
    [InlineData("- {operation: replace, path: /a, value: 'true'}", """{"a":true}""")]
    [InlineData("- {operation: replace, path: /a, value: 'False'}", """{"a":false}""")]
    [InlineData("- {operation: replace, path: /a, value: '\"false\"'}", """{"a":"false"}""")]
    [InlineData("- {operation: replace, path: /a, value: 'null'}", """{"a":null}""")]
    [InlineData("- {operation: replace, path: /a, value: '\"null\"'}", """{"a":"null"}""")]
    [InlineData("- {operation: replace, path: /a, value: premium}", """{"a":"premium"}""")]
    [InlineData("- {operation: replace, path: /a, value: ''}", """{"a":""}""")]
    [InlineData("- {operation: replace, path: /a}", """{"a":""}""")]
    [InlineData("- {operation: replace, path: /a, value: '1.14.2'}", """{"a":"1.14.2"}""")]
    [InlineData("- {operation: replace, path: /a, value: '-1.5e3'}", """{"a":-1500}""")]
    [InlineData("- {operation: replace, path: /a, value: '007'}", """{"a":"007"}""")]
    [InlineData("- {operation: replace, path: /a, value: 'say \"hi\"'}", """{"a":"say \"hi\""}""")]
    [InlineData("- {operation: replace, path: /a, value: 'x\\ny'}", """{"a":"x\ny"}""")]
    [InlineData("""- {operation: replace, path: /a, value: '[{"containerPort": 80}]'}""", """{"a":[{"containerPort":80}]}""")]
    [InlineData("""- {operation: replace, path: /a, value: "{\"name\": \"nginx\"}"}""", """{"a":{"name":"nginx"}}""")]
    public void Values_are_what_they_look_like_and_quotation_marks_make_texts(string operations, string expected) =>
        ModifierCase.AssertJson(expected, ModifierCase.Apply(ModifierCase.Patches(operations), """{"a":1}""", "pods"));

    [Theory]
    [InlineData("- {operation: add, path: /list/0, value: x}", """{"list":["x","a","b"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: add, path: /list/-, value: x}", """{"list":["a","b","x"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: add, path: /list/2, value: x}", """{"list":["a","b","x"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: add, path: /list/-1, value: x}", """{"list":["a","b","x"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: add, path: /map/new, value: x}", """{"list":["a","b"],"map":{"k":"v","new":"x"}}""")]
    [InlineData("- {operation: ADD, path: /map/k, value: x}", """{"list":["a","b"],"map":{"k":"x"}}""")]
    [InlineData("- {operation: add, path: /map/a~1b~0c, value: x}", """{"list":["a","b"],"map":{"k":"v","a/b~c":"x"}}""")]
    [InlineData("- {operation: remove, path: /list/1}", """{"list":["a"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: remove, path: /list/-2}", """{"list":["b"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: remove, path: /map}", """{"list":["a","b"]}""")]
    [InlineData("- {operation: replace, path: /list/1, value: x}", """{"list":["a","x"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: move, from: /map/k, path: /moved}", """{"list":["a","b"],"map":{},"moved":"v"}""")]
    [InlineData("- {operation: move, from: /list/0, path: /list/1}", """{"list":["b","a"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: copy, from: /map, path: /list/-}", """{"list":["a","b",{"k":"v"}],"map":{"k":"v"}}""")]
    [InlineData("- {operation: test, path: /map/k, value: v}\n- {operation: replace, path: /map/k, value: w}", """{"list":["a","b"],"map":{"k":"w"}}""")]
    [InlineData("- {operation: test, path: /map/k, value: other}\n- {operation: replace, path: /map/k, value: w}", """{"list":["a","b"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: replace, path: /map/k, value: w}\n- {operation: test, path: /map/k, value: v}", """{"list":["a","b"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: test, path: /absent/deep, value: v}\n- {operation: remove, path: /map}", """{"list":["a","b"],"map":{"k":"v"}}""")]
    [InlineData("- {operation: test, path: /map/absent, value: 'null'}\n- {operation: remove, path: /map/k}", """{"list":["a","b"],"map":{}}""")]
    public void Operations_do_what_the_standard_says_and_a_test_that_fails_undoes_the_rule(string operations, string expected) =>
        ModifierCase.AssertJson(expected, ModifierCase.Apply(ModifierCase.Patches(operations), """{"list":["a","b"],"map":{"k":"v"}}""", "pods"));

    [Theory]
    [InlineData("- {operation: remove, path: /map/absent}", "remove /map/absent: nothing is at /map/absent")]
    [InlineData("- {operation: replace, path: /map/absent, value: x}", "replace /map/absent: nothing is there")]
    [InlineData("- {operation: replace, path: /list/2, value: x}", "replace /list/2: nothing is there")]
    [InlineData("- {operation: add, path: /list/3, value: x}", "add /list/3: the list has 2 items and no place 3")]
    [InlineData("- {operation: add, path: /list/first, value: x}", "add /list/first: the list has 2 items and no place first")]
    [InlineData("- {operation: add, path: /absent/x, value: x}", "add /absent/x: what it is to be put into does not exist")]
    [InlineData("- {operation: add, path: /map/k/deeper, value: x}", "what it is to be put into does not exist")]
    [InlineData("- {operation: move, from: /absent, path: /map/x}", "move /absent to /map/x: nothing is at /absent")]
    [InlineData("- {operation: move, from: /map, path: /map/inner}", "it would move something into itself")]
    [InlineData("- {operation: remove, path: /map/k}\n- {operation: remove, path: /map/k}", "remove /map/k: nothing is at /map/k")]
    public void An_operation_that_cannot_be_done_is_named_and_changes_nothing(string operations, string message) =>
        Assert.Contains(message, ModifierCase.Problem(ModifierCase.Patches(operations), """{"list":["a","b"],"map":{"k":"v"}}""", "pods"), StringComparison.Ordinal);

    [Fact]
    public void A_copied_container_can_be_tested_and_changed_in_the_same_rule()
    {
        var rules = ModifierCase.Patches("""
            - {operation: copy, from: /spec/template/spec/containers/0, path: /spec/template/spec/containers/1}
            - {operation: test, path: /spec/template/spec/containers/1/image, value: "nginx:latest"}
            - {operation: replace, path: /spec/template/spec/containers/1/name, value: mysql}
            - {operation: replace, path: /spec/template/spec/containers/1/image, value: "mysql:latest"}
            """);
        var result = ModifierCase.Apply(rules, """{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx:latest"}]}}}}""", "deployments.apps");
        ModifierCase.AssertJson("""{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx:latest"},{"name":"mysql","image":"mysql:latest"}]}}}}""", result);
    }

    [Theory]
    [InlineData("{\"metadata\":{\"annotations\":{\"foo\":null}}}", """{"metadata":{"annotations":{"bar":"b"}},"list":[1,2]}""")]
    [InlineData("metadata: {annotations: {foo: x, new: y}}", """{"metadata":{"annotations":{"foo":"x","bar":"b","new":"y"}},"list":[1,2]}""")]
    [InlineData("list: [3]", """{"metadata":{"annotations":{"foo":"a","bar":"b"}},"list":[3]}""")]
    [InlineData("spec: {deep: {gone: null, kept: 1}}", """{"metadata":{"annotations":{"foo":"a","bar":"b"}},"list":[1,2],"spec":{"deep":{"kept":1}}}""")]
    public void Merge_patches_merge_objects_and_replace_lists(string patch, string expected)
    {
        var rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n  mergePatches:\n  - patchData: |\n      " + patch;
        ModifierCase.AssertJson(expected, ModifierCase.Apply(rules, """{"metadata":{"annotations":{"foo":"a","bar":"b"}},"list":[1,2]}""", "pods"));
    }
}
