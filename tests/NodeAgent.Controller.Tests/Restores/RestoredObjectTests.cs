using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>How single objects are made fit for another cluster, before and after.</summary>
public sealed class RestoredObjectTests
{
    private static readonly Dictionary<string, string> Mapping = new() { ["shop"] = "store", ["store"] = "shop" };

    [Fact]
    public void What_the_server_fills_in_goes_and_what_people_write_stays()
    {
        var item = Parse("""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["example.com/f"],
              "uid":"u","resourceVersion":"7","generation":3,"creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":30,
              "generateName":"p-","selfLink":"/x","ownerReferences":[{"kind":"ReplicaSet"}],"managedFields":[{"manager":"m"}]},"spec":{"x":1},"status":{"phase":"Running"}}
            """);
        RestoredObject.Reset(item);
        AssertIs("""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["example.com/f"]},"spec":{"x":1}}""", item);
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"p"}}""")]
    [InlineData("{}")]
    public void What_has_nothing_of_the_server_stays_as_it_is(string json)
    {
        var item = Parse(json);
        RestoredObject.Reset(item);
        Assert.Equal(Parse(json)["metadata"]?["name"]?.ToString(), item["metadata"]?["name"]?.ToString());
        Assert.Null(item["status"]);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(200)]
    public void Objects_are_labelled_with_backup_and_restore_however_long_their_names(int length)
    {
        var (backup, restore) = (new string('b', length), new string('r', length));
        var item = Parse("""{"metadata":{"labels":{"mine":"x"}}}""");
        RestoredObject.AddLabels(item, restore, backup);
        Assert.Equal("x", item.Label("mine"));
        foreach (var (label, name) in new[] { (VeleroLabels.BackupName, backup), (VeleroLabels.RestoreName, restore) })
        {
            var value = item.Label(label)!;
            // As Velero shortens them, or its own commands would not find the objects: the beginning, and six digits of a hash.
            if (length <= 63) Assert.Equal(name, value);
            else Assert.Matches($"^{name[..57]}[0-9a-f]{{6}}$", value);
        }
    }

    [Theory]
    [InlineData("""{"spec":{"clusterIP":"10.0.0.7","clusterIPs":["10.0.0.7"]}}""", """{"spec":{}}""")]
    [InlineData("""{"spec":{"clusterIP":"None","clusterIPs":["None"]}}""", """{"spec":{"clusterIP":"None","clusterIPs":["None"]}}""")]
    [InlineData("""{"spec":{"clusterIP":"","ports":[{"port":80}]}}""", """{"spec":{"ports":[{"port":80}]}}""")]
    [InlineData("""{"spec":{"type":"LoadBalancer","loadBalancerIP":"1.2.3.4","clusterIP":"10.0.0.7"}}""", """{"spec":{"type":"LoadBalancer","loadBalancerIP":"1.2.3.4"}}""")]
    public void A_service_loses_the_address_that_its_cluster_gave_it(string before, string after)
    {
        var item = Parse(before);
        RestoredObject.PrepareService(item, preserveNodePorts: false, managers: null);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"spec":{"healthCheckNodePort":32000}}""", 32000)]
    [InlineData("""{"spec":{"healthCheckNodePort":null}}""", 0)]
    [InlineData("""{"spec":{"healthCheckNodePort":0}}""", 0)]
    [InlineData("""{"spec":{}}""", 0)]
    [InlineData("no JSON", 0)]
    public void A_health_check_port_that_kubectl_applied_stays(string applied, long expected)
    {
        var item = Parse("""{"metadata":{"annotations":{}},"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":32000}}""");
        item["metadata"]!["annotations"]!["kubectl.kubernetes.io/last-applied-configuration"] = applied;
        RestoredObject.PrepareService(item, preserveNodePorts: false, managers: null);
        Assert.Equal(expected, item.Number("spec", "healthCheckNodePort"));
    }

    [Theory]
    [InlineData("{}", "{}")]
    [InlineData("""{"spec":{"selector":{},"template":{"metadata":{}}}}""", """{"spec":{"selector":{},"template":{"metadata":{}}}}""")]
    [InlineData("""{"spec":{"selector":{"matchLabels":{"controller-uid":"u","mine":"x"}}}}""", """{"spec":{"selector":{"matchLabels":{"mine":"x"}}}}""")]
    [InlineData("""{"spec":{"selector":{"matchLabels":{"batch.kubernetes.io/controller-uid":"u"}},"template":{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":"u","controller-uid":"u","job-name":"j"}}}}}""",
        """{"spec":{"selector":{"matchLabels":{}},"template":{"metadata":{"labels":{"job-name":"j"}}}}}""")]
    public void A_job_gets_a_selector_of_its_own_anew(string before, string after)
    {
        var item = Parse(before);
        RestoredObject.PrepareJob(item);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"spec":{"containers":[{"name":"c"}],"initContainers":[{"name":"i"}]}}""", """{"spec":{"containers":[{"name":"c"}],"initContainers":[{"name":"i"}]}}""")]
    [InlineData("""{"spec":{"nodeName":"n","serviceAccountName":"app","volumes":[{"name":"app-token-x"},{"name":"app-tokens"},{"name":"x-app-token-y"}]}}""", """{"spec":{"serviceAccountName":"app","volumes":[{"name":"app-tokens"},{"name":"x-app-token-y"}]}}""")]
    [InlineData("""{"spec":{"priority":0,"priorityClassName":"low"}}""", """{"spec":{"priorityClassName":"low"}}""")]
    public void A_pod_is_scheduled_anew(string before, string after)
    {
        var item = Parse(before);
        RestoredObject.PreparePod(item);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"data"},"spec":{"volumeName":"pv"}}""", false, """{"metadata":{"name":"data"},"spec":{"volumeName":"pv"}}""")]
    [InlineData("""{"metadata":{"annotations":{"volume.kubernetes.io/selected-node":"n"}},"spec":{"volumeName":"pv"}}""", true, """{"metadata":{"annotations":{}},"spec":{}}""")]
    [InlineData("""{"metadata":{"annotations":{"pv.kubernetes.io/bind-completed":"yes","pv.kubernetes.io/bound-by-controller":"yes","volume.kubernetes.io/storage-provisioner":"p","volume.beta.kubernetes.io/storage-provisioner":"p","velero.io/volume-snapshot-name":"s","velero.io/data-upload-name":"d","mine":"x"}},"spec":{"volumeName":"pv","storageClassName":"fast"}}""",
        false, """{"metadata":{"annotations":{"mine":"x"}},"spec":{"volumeName":"pv","storageClassName":"fast"}}""")]
    public void A_claim_is_free_of_what_bound_it(string before, bool provision, string after)
    {
        var item = Parse(before);
        RestoredObject.PrepareClaim(item, provision);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"pv"},"spec":{}}""", """{"metadata":{"name":"pv"},"spec":{}}""")]
    [InlineData("""{"metadata":{"annotations":{"pv.kubernetes.io/bound-by-controller":"yes","pv.kubernetes.io/provisioned-by":"p"}},"spec":{"claimRef":{"namespace":"shop","name":"data","uid":"u","resourceVersion":"7"}}}""",
        """{"metadata":{"annotations":{"pv.kubernetes.io/provisioned-by":"p"}},"spec":{"claimRef":{"namespace":"store","name":"data"}}}""")]
    [InlineData("""{"metadata":{},"spec":{"claimRef":{"namespace":"lab","name":"data"}}}""", """{"metadata":{},"spec":{"claimRef":{"namespace":"lab","name":"data"}}}""")]
    public void A_volume_waits_for_its_claim_where_that_is_going_to_be(string before, string after)
    {
        var item = Parse(before);
        RestoredObject.PrepareVolume(item, Mapping);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"app"},"secrets":[{"name":"app-token-x"},{"name":"mine"},{"name":"other-token-y"}],"imagePullSecrets":[{"name":"app-token-x"}]}""",
        """{"metadata":{"name":"app"},"secrets":[{"name":"mine"},{"name":"other-token-y"}],"imagePullSecrets":[{"name":"app-token-x"}]}""")]
    [InlineData("""{"metadata":{"name":"app"}}""", """{"metadata":{"name":"app"}}""")]
    public void A_service_account_gets_new_tokens(string before, string after)
    {
        var item = Parse(before);
        RestoredObject.PrepareServiceAccount(item);
        AssertIs(after, item);
    }

    [Theory]
    [InlineData("""{"subjects":[{"kind":"ServiceAccount","name":"a","namespace":"shop"},{"kind":"ServiceAccount","name":"b","namespace":"store"},{"kind":"ServiceAccount","name":"c","namespace":"lab"},{"kind":"User","name":"shop"}]}""", "store shop lab ")]
    [InlineData("{}", "")]
    public void The_subjects_of_a_binding_move_with_their_namespaces_also_where_two_change_places(string binding, string namespaces)
    {
        var item = Parse(binding);
        RestoredObject.MapSubjects(item, Mapping);
        Assert.Equal(namespaces, string.Join(' ', item.Objects("subjects").Select(s => s.Text("namespace"))));
    }

    [Theory]
    // Nothing new.
    [InlineData("""{"metadata":{"name":"app"},"secrets":[{"name":"s"}]}""", """{"metadata":{"name":"app"},"secrets":[{"name":"s"}]}""", "{}")]
    [InlineData("""{"metadata":{"name":"app"},"secrets":[{"name":"s"}]}""", """{"metadata":{"name":"app"}}""", "{}")]
    // What the cluster lacks comes behind what it has.
    [InlineData("""{"metadata":{"name":"app"},"secrets":[{"name":"s"}]}""", """{"metadata":{"name":"app"},"secrets":[{"name":"a"},{"name":"s"}]}""", """{"secrets":[{"name":"s"},{"name":"a"}]}""")]
    [InlineData("""{"metadata":{"name":"app"}}""", """{"metadata":{"name":"app"},"imagePullSecrets":[{"name":"p"}],"secrets":[{"name":"s"}]}""", """{"imagePullSecrets":[{"name":"p"}],"secrets":[{"name":"s"}]}""")]
    // What both have stays as the cluster has it.
    [InlineData("""{"metadata":{"name":"app","labels":{"a":"here"},"annotations":{"b":"here"}}}""", """{"metadata":{"name":"app","labels":{"a":"there","n":"1"},"annotations":{"b":"there","m":"2"}}}""", """{"metadata":{"labels":{"n":"1"},"annotations":{"m":"2"}}}""")]
    [InlineData("""{"metadata":{"name":"app"},"automountServiceAccountToken":true}""", """{"metadata":{"name":"app","labels":{"n":"1"}},"automountServiceAccountToken":false}""", """{"metadata":{"labels":{"n":"1"}}}""")]
    public void Of_two_service_accounts_the_clusters_stays_and_gains(string inCluster, string fromBackup, string patch)
    {
        var existing = Parse(inCluster);
        AssertIs(patch, MergePatch.Between(existing, MergePatch.MergeServiceAccounts(existing, Parse(fromBackup))));
        AssertIs(inCluster, existing);
    }

    [Theory]
    [InlineData("nodes")]
    [InlineData("events")]
    [InlineData("events.events.k8s.io")]
    [InlineData("backups.velero.io")]
    [InlineData("restores.velero.io")]
    [InlineData("resticrepositories.velero.io")]
    [InlineData("backuprepositories.velero.io")]
    [InlineData("csinodes.storage.k8s.io")]
    [InlineData("volumeattachments.storage.k8s.io")]
    public void What_belongs_to_one_cluster_is_never_restored_and_refused_by_name(string type)
    {
        Assert.Equal([$"resources: {type} cannot be restored"], RestoreFilter.Problems(new RestoreSpec { IncludedResources = [type] }));
        Assert.False(new RestoreFilter(new RestoreSpec { IncludedResources = ["*"] }, ResourcePolicies.None, new ResourceNames([])).TakesType(type));
    }

    [Theory]
    [InlineData("""{"includedNamespaces":["shop"],"excludedNamespaces":["shop"]}""", "namespaces: \"shop\" is both included and excluded")]
    [InlineData("""{"excludedNamespaces":["*"]}""", "namespaces: excluding \"*\" leaves nothing")]
    [InlineData("""{"includedNamespaces":["shop*"],"excludedNamespaces":["*"]}""", "namespaces: excluding \"*\" leaves nothing")]
    [InlineData("""{"includedNamespaces":["shop(1)"]}""", "namespaces: \"shop(1)\" holds one of")]
    [InlineData("""{"includedNamespaces":["sh**"]}""", "namespaces: \"sh**\" has two * in a row")]
    [InlineData("""{"includedResources":["pods"],"excludedResources":["pods"]}""", "resources: \"pods\" is both included and excluded")]
    [InlineData("""{"labelSelector":{"matchLabels":{"a":"b"}},"orLabelSelectors":[{"matchLabels":{"a":"c"}}]}""", "exclude each other")]
    [InlineData("""{"namespaceMapping":{"shop":""}}""", "the target of \"shop\", is no name of a namespace")]
    public void Filters_of_a_restore_that_contradict_themselves_are_told_of(string spec, string problem) =>
        Assert.Contains(problem, Assert.Single(RestoreFilter.Problems(System.Text.Json.JsonSerializer.Deserialize($$"""{"spec":{{spec}} }""", VeleroJsonContext.Default.Restore)!.Spec)), StringComparison.Ordinal);

    private static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;

    private static void AssertIs(string expected, JsonObject actual) => Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), actual.ToJsonString());
}
