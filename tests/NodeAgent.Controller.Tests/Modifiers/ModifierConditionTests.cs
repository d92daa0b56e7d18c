using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Tests.Modifiers;

public sealed class ModifierConditionTests
{
    private const string Deployment = """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"test-web","namespace":"foo","labels":{"app":"nginx"}},"spec":{"replicas":1}}""";

    [Theory]
    [InlineData("groupResource: deployments.apps", true)]
    [InlineData("groupResource: deployments", false)]
    [InlineData("groupResource: '*.apps'", true)]
    [InlineData("groupResource: '*'", false)]
    [InlineData("groupResource: '**'", true)]
    [InlineData("groupResource: '*.*'", true)]
    [InlineData("groupResource: '{daemonsets,deployments}.apps'", true)]
    [InlineData("groupResource: '{daemonsets,statefulsets}.apps'", false)]
    [InlineData("groupResource: 'deployment?.[a-c]pps'", true)]
    [InlineData("groupResource: 'deployment?.[!a-c]pps'", false)]
    [InlineData("{groupResource: deployments.apps, namespaces: [foo]}", true)]
    [InlineData("{groupResource: deployments.apps, namespaces: [bar, foo]}", true)]
    [InlineData("{groupResource: deployments.apps, namespaces: [bar]}", false)]
    [InlineData("{groupResource: deployments.apps, namespaces: ['f*']}", true)]
    [InlineData("{groupResource: deployments.apps, resourceNameRegex: '^test-.*$'}", true)]
    [InlineData("{groupResource: deployments.apps, resourceNameRegex: 'web'}", true)]
    [InlineData("{groupResource: deployments.apps, resourceNameRegex: '^web'}", false)]
    [InlineData("{groupResource: deployments.apps, resourceNameRegex: '(?P<kind>test)-[[:alpha:]]+'}", true)]
    [InlineData("{groupResource: deployments.apps, resourceNameRegex: ''}", true)]
    [InlineData("{groupResource: deployments.apps, labelSelector: {matchLabels: {app: nginx}}}", true)]
    [InlineData("{groupResource: deployments.apps, labelSelector: {matchLabels: {app: other}}}", false)]
    [InlineData("{groupResource: deployments.apps, labelSelector: {matchExpressions: [{key: app, operator: In, values: [a, nginx]}]}}", true)]
    [InlineData("{groupResource: deployments.apps, labelSelector: {matchExpressions: [{key: tier, operator: Exists}]}}", false)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /spec/replicas, value: '1'}]}", true)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /spec/replicas, value: 1}]}", true)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /spec/replicas, value: '\"1\"'}]}", false)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /metadata/labels/app, value: nginx}, {path: /spec/replicas, value: 2}]}", false)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /metadata/labels/app/deeper, value: x}]}", false)]
    [InlineData("{groupResource: deployments.apps, matches: [{path: /spec/paused, value: 'null'}]}", true)]
    public void A_rule_is_for_the_objects_that_all_its_conditions_hold_for(string conditions, bool applies)
    {
        var block = conditions.StartsWith('{') ? conditions : $"{{{conditions}}}";
        var rules = $"version: v1\nresourceModifierRules:\n- conditions: {block}\n  mergePatches:\n  - patchData: '{{\"spec\":{{\"replicas\":2}}}}'\n";
        Assert.Equal(applies ? 2 : 1, ModifierCase.Apply(rules, Deployment, "deployments.apps").Number("spec", "replicas"));
    }

    [Theory]
    [InlineData("*", "configmaps", true)]
    [InlineData("*.*", "configmaps", true)]
    [InlineData("*.*", "roles.rbac.authorization.k8s.io", true)]
    [InlineData("*.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io", true)]
    [InlineData("*.apps", "configmaps", false)]
    public void A_star_is_the_core_group_and_with_a_group_all_of_that(string pattern, string groupResource, bool applies)
    {
        var rules = $"version: v1\nresourceModifierRules:\n- conditions: {{groupResource: '{pattern}'}}\n  mergePatches:\n  - patchData: 'a: b'\n";
        Assert.Equal(applies, ModifierCase.Apply(rules, """{"metadata":{"name":"x"}}""", groupResource).ContainsKey("a"));
    }

    [Fact]
    public void Namespaces_say_nothing_of_objects_that_are_in_none()
    {
        var rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: storageclasses.storage.k8s.io, namespaces: [foo]}\n  mergePatches:\n  - patchData: 'a: b'\n";
        Assert.True(ModifierCase.Apply(rules, """{"metadata":{"name":"fast"}}""", "storageclasses.storage.k8s.io").ContainsKey("a"));
    }

    [Theory]
    [InlineData("standard", "premium", "premium", "gold", "premium")]
    [InlineData("standard", "premium", "standard", "gold", "gold")]
    public void Conditions_look_at_the_object_as_it_came_and_patches_add_up(string first, string firstTo, string second, string secondTo, string result)
    {
        string Rule(string from, string to) => $"- conditions: {{groupResource: persistentvolumeclaims, matches: [{{path: /spec/storageClassName, value: {from}}}]}}\n  patches: [{{operation: replace, path: /spec/storageClassName, value: {to}}}]\n";
        var rules = "version: v1\nresourceModifierRules:\n" + Rule(first, firstTo) + Rule(second, secondTo);
        var claim = ModifierCase.Apply(rules, """{"metadata":{"name":"c","namespace":"foo"},"spec":{"storageClassName":"standard"}}""", "persistentvolumeclaims");
        Assert.Equal(result, claim.Text("spec", "storageClassName"));
    }

    [Fact]
    public void A_rule_that_fails_does_not_keep_the_others_from_being_applied()
    {
        var rules = """
            version: v1
            resourceModifierRules:
            - conditions: {groupResource: deployments.apps}
              patches: [{operation: remove, path: /spec/missing}]
            - conditions: {groupResource: deployments.apps}
              patches: [{operation: replace, path: /spec/replicas, value: "7"}]
            """;
        var (item, problems) = ModifierCase.Read(rules).Apply((JsonObject)JsonNode.Parse(Deployment)!, "deployments.apps");
        Assert.Equal(7, item.Number("spec", "replicas"));
        Assert.Contains("rule 1 (deployments.apps) was not applied: remove /spec/missing", Assert.Single(problems), StringComparison.Ordinal);
    }
}
