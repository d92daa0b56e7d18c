using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;

namespace NodeAgent.Controller.Tests.Backups.Policies;

public sealed class ResourcePolicyTests
{
    private const string Several = """
        version: v1
        volumePolicies:
        - conditions:
            capacity: "0,10Gi"
            storageClass: [gp2, ebs-sc]
            csi: {driver: aws.efs.csi.driver}
          action: {type: skip}
        - conditions:
            csi:
              driver: files.csi.driver
              volumeAttributes: {protocol: nfs}
          action: {type: skip}
        - conditions:
            capacity: "10,100Gi"
            storageClass: [gp2, ebs-sc]
            csi: {driver: aws.efs.csi.driver}
          action:
            type: snapshot
            parameters: {snapshotClass: fast}
        - conditions:
            storageClass: [gp2, ebs-sc]
            csi: {driver: aws.efs.csi.driver}
          action: {type: fs-backup}
        - conditions:
            pvcLabels: {environment: production}
          action: {type: snapshot}
        """;

    [Theory]
    [InlineData("5Gi", "ebs-sc", """{"csi":{"driver":"aws.efs.csi.driver"}}""", "{}", "Skip")]
    [InlineData("5Gi", "afs-nfs", """{"csi":{"driver":"files.csi.driver","volumeAttributes":{"protocol":"nfs","more":"x"}}}""", "{}", "Skip")]
    [InlineData("5Gi", "afs-smb", """{"csi":{"driver":"files.csi.driver"}}""", "{}", null)]
    [InlineData("50Gi", "ebs-sc", """{"csi":{"driver":"aws.efs.csi.driver"}}""", "{}", "Snapshot")]
    [InlineData("500Gi", "gp2", """{"csi":{"driver":"aws.efs.csi.driver"}}""", "{}", "FsBackup")]
    [InlineData("50Gi", "ebs-sc", """{"nfs":{"server":"s","path":"/"}}""", "{}", null)]
    [InlineData("5Gi", "other", "{}", """{"environment":"production","team":"backend"}""", "Snapshot")]
    [InlineData("5Gi", "other", "{}", """{"environment":"staging"}""", null)]
    public void The_first_policy_whose_conditions_all_hold_decides(string capacity, string storageClass, string source, string labels, string? action)
    {
        var spec = (JsonObject)JsonNode.Parse(source)!;
        spec["capacity"] = new JsonObject { ["storage"] = capacity };
        spec["storageClassName"] = storageClass;
        var claim = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = JsonNode.Parse(labels) } };
        var match = ResourcePolicyReader.Read(Several).Match(VolumeFacts.Of(new JsonObject { ["spec"] = spec }, null, claim));
        Assert.Equal(action, match?.Action.ToString());
    }

    [Fact]
    public void Parameters_come_along_with_the_action()
    {
        var policy = ResourcePolicyReader.Read(Several).Volumes[2];
        Assert.Equal("fast", policy.Parameters["snapshotClass"]);
        Assert.Equal(13, policy.Line);
    }

    [Theory]
    [InlineData("0,10Gi", "5Gi", true)]
    [InlineData("0,10Gi", "10Gi", true)]
    [InlineData("0,10Gi", "15Gi", false)]
    [InlineData("20Gi,", "25Gi", true)]
    [InlineData("20Gi,0", "20Gi", true)]
    [InlineData("20Gi,", "15Gi", false)]
    [InlineData("10Gi, 20Gi", "15Gi", true)]
    [InlineData("10Gi,20Gi", "5Gi", false)]
    [InlineData("10Gi,20Gi", "25Gi", false)]
    [InlineData(",20Gi", "5Gi", true)]
    [InlineData(",", "5Gi", true)]
    [InlineData("", "5Gi", true)]
    public void A_capacity_is_in_its_range_with_both_ends(string range, string size, bool isIn)
    {
        Assert.True(Quantity.TryParse(size, out var amount));
        Assert.Equal(isIn, CapacityRange.Parse(range).Contains(amount));
    }

    [Theory]
    [InlineData("storageClass: [gp2]", """{"spec":{"storageClassName":"gp2"}}""", true)]
    [InlineData("storageClass: [gp2]", """{"spec":{"storageClassName":"ebs-sc"}}""", false)]
    [InlineData("storageClass: [gp2]", """{"spec":{}}""", false)]
    [InlineData("storageClass: []", """{"spec":{"storageClassName":"ebs-sc"}}""", true)]
    [InlineData("nfs: {server: 192.168.10.20}", """{"spec":{"nfs":{"server":"192.168.10.20","path":"/a"}}}""", true)]
    [InlineData("nfs: {server: 192.168.10.20}", """{"spec":{"nfs":{"server":"192.168.10.21"}}}""", false)]
    [InlineData("nfs: {server: 192.168.10.20}", """{"spec":{}}""", false)]
    [InlineData("nfs: {path: /mnt/data}", """{"spec":{"nfs":{"server":"any","path":"/mnt/data"}}}""", true)]
    [InlineData("nfs: {path: /mnt/data, server: a}", """{"spec":{"nfs":{"server":"b","path":"/mnt/data"}}}""", false)]
    [InlineData("nfs: {}", """{"spec":{"nfs":{"server":"any","path":"/x"}}}""", true)]
    [InlineData("nfs: {}", """{"spec":{"csi":{"driver":"d"}}}""", false)]
    [InlineData("csi: {}", """{"spec":{"csi":{"driver":"d"}}}""", true)]
    [InlineData("csi: {}", """{"spec":{"hostPath":{"path":"/x"}}}""", false)]
    [InlineData("csi: {driver: test}", """{"spec":{"csi":{"driver":"other"}}}""", false)]
    [InlineData("csi: {driver: test, volumeAttributes: {protocol: nfs}}", """{"spec":{"csi":{"driver":"test"}}}""", false)]
    [InlineData("csi: {driver: test, volumeAttributes: {protocol: nfs}}", """{"spec":{"csi":{"driver":"test","volumeAttributes":{"protocol":"smb"}}}}""", false)]
    [InlineData("volumeTypes: [nfs, local]", """{"spec":{"local":{"path":"/x"}}}""", true)]
    [InlineData("volumeTypes: [storageOS]", """{"spec":{"storageos":{"volumeName":"x"}}}""", true)]
    [InlineData("volumeTypes: [nfs]", """{"spec":{"csi":{"driver":"d"}}}""", false)]
    [InlineData("{}", """{"spec":{"csi":{"driver":"d"}}}""", true)]
    public void A_condition_is_about_the_persistent_volume(string condition, string volume, bool holds) =>
        Assert.Equal(holds, Holds(condition, VolumeFacts.Of((JsonObject)JsonNode.Parse(volume)!, null, null)));

    [Theory]
    [InlineData("pvcPhase: [Pending, Lost]", """{"status":{"phase":"Pending"}}""", true)]
    [InlineData("pvcPhase: [Pending, Lost]", """{"status":{"phase":"Bound"}}""", false)]
    [InlineData("pvcPhase: [Pending]", "{}", false)]
    [InlineData("pvcLabels: {a: b, n: 1}", """{"metadata":{"labels":{"a":"b","n":"1","c":"d"}}}""", true)]
    [InlineData("pvcLabels: {a: b, c: d}", """{"metadata":{"labels":{"a":"b"}}}""", false)]
    [InlineData("pvcLabels: {}", "{}", true)]
    [InlineData("pvcVolumeMode: Block", """{"spec":{"volumeMode":"Block"}}""", true)]
    [InlineData("pvcVolumeMode: Filesystem", """{"spec":{}}""", true)]
    [InlineData("pvcVolumeMode: Block", """{"spec":{}}""", false)]
    [InlineData("pvcAccessModes: [ReadOnlyMany, ReadWriteOnce]", """{"spec":{"accessModes":["ReadWriteOnce","ReadOnlyMany"]}}""", true)]
    [InlineData("pvcAccessModes: [ReadWriteOnce]", """{"spec":{"accessModes":["ReadWriteOnce","ReadOnlyMany"]}}""", false)]
    public void A_condition_is_about_the_claim_also_when_it_has_no_volume(string condition, string claim, bool holds) =>
        Assert.Equal(holds, Holds(condition, VolumeFacts.Of(null, null, (JsonObject)JsonNode.Parse(claim)!)));

    [Theory]
    [InlineData("volumeTypes: [emptyDir]", """{"name":"v","emptyDir":{}}""", true)]
    [InlineData("volumeTypes: [emptyDir]", """{"name":"v","nfs":{"server":"s","path":"/"}}""", false)]
    [InlineData("nfs: {server: s}", """{"name":"v","nfs":{"server":"s","path":"/"}}""", true)]
    [InlineData("""capacity: "1,10Gi" """, """{"name":"v","emptyDir":{}}""", false)]
    public void A_volume_that_only_the_pod_knows_is_judged_as_the_pod_lists_it(string condition, string volume, bool holds) =>
        Assert.Equal(holds, Holds(condition, VolumeFacts.Of(null, (JsonObject)JsonNode.Parse(volume)!, null)));

    [Theory]
    [InlineData("version: v2\nvolumePolicies: []", "line 1: version \"v2\" is not known; it must be v1")]
    [InlineData("volumePolicies: []", "version is missing")]
    [InlineData("version: v1\nvolumePolicys: []", "line 2: the policy has no \"volumePolicys\"; it knows version, volumePolicies")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {capcity: '1,2'}\n  action: {type: skip}", "line 3: conditions has no \"capcity\"")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {capacity: 10Gi}\n  action: {type: skip}", "line 3: capacity \"10Gi\" is no range")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {capacity: '20Gi,10Gi'}\n  action: {type: skip}", "the lower side is above the upper one")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {capacity: '1,ten'}\n  action: {type: skip}", "\"ten\" is no size such as 10Gi")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {storageClass: gp2}\n  action: {type: skip}", "storageClass must be a list")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {csi: gp2}\n  action: {type: skip}", "csi must be a map")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {nfs: abc}\n  action: {type: skip}", "nfs must be a map")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {pvcLabels: production}\n  action: {type: skip}", "pvcLabels must be a map")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {csi: {volumeAttributes: {a: b}}}\n  action: {type: skip}", "volumeAttributes need a driver")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {}", "needs an action")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {}\n  action: {type: unsupported}", "line 4: action type \"unsupported\" is not known")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {}\n  action: {type: custom}", "action custom needs a plugin")]
    [InlineData("version: v1\nincludeExcludePolicy: {includedNamespaceScopedResources: ['*']}", "\"*\" cannot be used")]
    [InlineData("version: v1\nincludeExcludePolicy: {includedClusterScopedResources: [a], excludedClusterScopedResources: [a]}", "\"a\" is both included and excluded")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- resourceFilters: [{kinds: [Pod]}]", "line 3: a policy of namespacedFilterPolicies needs namespaces")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]", "line 3: a policy of namespacedFilterPolicies needs resourceFilters")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters: []", "line 3: a policy of namespacedFilterPolicies needs resourceFilters")]
    [InlineData("version: v1\nnamespacedFilterPolicies: {namespaces: [a]}", "namespacedFilterPolicies must be a list")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: [a], resourceFilters: [{kinds: [Pod]}]}\n- {namespaces: [b, a], resourceFilters: [{kinds: [Pod]}]}", "line 4: namespace \"a\" stands in namespacedFilterPolicies twice")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: ['a**'], resourceFilters: [{}]}", "line 3: namespace \"a**\": ** cannot be used")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: ['a|b'], resourceFilters: [{}]}", "namespace \"a|b\": | cannot be used in a pattern")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: ['a['], resourceFilters: [{}]}", "\"a[\" is no pattern: a [ without its ]")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: ['a[]'], resourceFilters: [{}]}", "\"a[]\" is no pattern: [] stands for no character")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- {namespaces: [''], resourceFilters: [{}]}", "a namespace is empty")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: ['*']\n  - {}", "line 6: only one of the resourceFilters may be without kinds")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - names: [x]", "line 5: names and excludedNames need kinds")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: ['*']\n    excludedNames: [x]", "line 5: names and excludedNames need kinds")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: ['*', Pod]", "line 5: kinds: \"*\" stands beside other kinds")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n  - kinds: [Secret, pod]", "line 6: kind \"pod\" stands in the resourceFilters of line 5 already")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    labelSelector: {matchLabels: {a: b}}\n    orLabelSelectors: [{matchLabels: {c: d}}]", "line 5: labelSelector and orLabelSelectors exclude each other")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    labelSelector: {matchLabels: {'no key!': b}}", "line 6: \"no key!\" is no key of a label")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    labelSelector: {matchLabel: {a: b}}", "line 6: matchLabel must be a text")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    labelSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}", "operator \"Like\" of key \"a\" is not In")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    labelSelector: {matchExpressions: [{key: a, operator: In}]}", "operator In of key \"a\" needs values")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kinds: [Pod]\n    names: ['{a']", "line 6: names: \"{a\" is no pattern: a { without its }")]
    [InlineData("version: v1\nnamespacedFilterPolicies:\n- namespaces: [a]\n  resourceFilters:\n  - kind: Pod", "line 5: an entry of resourceFilters has no \"kind\"; it knows kinds, labelSelector")]
    [InlineData("version: v1\nclusterScopedFilterPolicy: {resourceFilters: []}", "line 2: clusterScopedFilterPolicy has no resourceFilters")]
    [InlineData("version: v1\nclusterScopedFilterPolicy:\n  resourceFilters:\n  - names: [x]", "line 4: a filter of clusterScopedFilterPolicy needs kinds")]
    [InlineData("version: v1\nclusterScopedFilterPolicy:\n  resourceFilters:\n  - kinds: ['*']", "line 4: a filter of clusterScopedFilterPolicy needs kinds")]
    [InlineData("version: v1\nclusterScopedFilterPolicy:\n  resourceFilters:\n  - kinds: [Node, Node]", "line 4: kind \"Node\" stands in the resourceFilters of line 4 already")]
    [InlineData("version: v1\n\tx: y", "line 1: it is no YAML")]
    [InlineData("version: v1\nversion: v1", "it is no YAML")]
    [InlineData("", "it holds 0 YAML documents instead of one")]
    [InlineData("[]", "the policy must be a map")]
    public void A_policy_that_cannot_be_meant_is_refused_in_one_line_with_its_place(string yaml, string message)
    {
        var refusal = Assert.Throws<FormatException>(() => ResourcePolicyReader.Read(yaml));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private static bool Holds(string condition, VolumeFacts volume)
    {
        var conditions = condition == "{}" ? "  conditions: {}" : $"  conditions:\n      {condition}";
        return ResourcePolicyReader.Read($"version: v1\nvolumePolicies:\n- action: {{type: skip}}\n{conditions}\n").Match(volume) is not null;
    }
}
