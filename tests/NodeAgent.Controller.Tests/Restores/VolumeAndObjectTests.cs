using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>Volumes and claims, and objects that are left out or made fit for a new cluster.</summary>
public sealed class VolumeAndObjectTests
{
    [Theory]
    // A volume that stays behind when its claim goes comes back as it was; one that went with it is made anew.
    [InlineData("Retain", true)]
    [InlineData("Recycle", true)]
    [InlineData("Delete", false)]
    public async Task A_volume_without_data_in_the_backup_comes_back_as_its_policy_says(string policy, bool kept)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddClaim(cluster, policy);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Remove(KubernetesResources.PersistentVolumes, null, "pv");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","namespaceMapping":{"shop":"store"}}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var claim = cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "store", "data")!;
        Assert.Equal(kept ? "pv" : null, claim.Text("spec", "volumeName"));
        Assert.Null(claim.Annotation("pv.kubernetes.io/bind-completed"));
        var volume = cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv");
        Assert.Equal(kept, volume is not null);
        if (volume is null) return;
        Assert.Equal(("store", "data", null), (volume.Text("spec", "claimRef", "namespace"), volume.Text("spec", "claimRef", "name"), volume.Text("spec", "claimRef", "uid")));
        Assert.Null(volume.Annotation("pv.kubernetes.io/bound-by-controller"));
        Assert.Equal("fast", volume.Text("spec", "storageClassName"));
    }

    [Fact]
    public async Task A_claim_whose_volume_is_neither_restored_nor_there_gets_a_new_one()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddClaim(cluster, "Retain");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Remove(KubernetesResources.PersistentVolumes, null, "pv");
        await cluster.RestoreAsync("r", """{"backupName":"b","includeClusterResources":false}""");
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data").Text("spec", "volumeName"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv"));
    }

    [Fact]
    public async Task A_claim_whose_volume_is_still_there_keeps_it()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddClaim(cluster, "Retain");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal("pv", cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data").Text("spec", "volumeName"));
    }

    [Fact]
    public async Task The_definition_of_a_custom_resource_comes_along_where_a_restore_is_limited_to_its_namespace()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromMilliseconds(300) });
        var widgets = new ResourceKind("example.com", "v1", "widgets", "Widget");
        cluster.Api.ServeMore(widgets);
        foreach (var name in new[] { "widgets.example.com", "others.example.com" }) cluster.Api.Add(KubernetesResources.CustomResourceDefinitions, $$"""{"metadata":{"name":"{{name}}"},"spec":{"versions":[]} }""");
        cluster.Api.Add(widgets, """{"metadata":{"name":"w","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"includeClusterResources":true}""");
        foreach (var name in new[] { "widgets.example.com", "others.example.com" }) cluster.Api.Remove(KubernetesResources.CustomResourceDefinitions, null, name);
        cluster.Api.Remove(widgets, "shop", "w");
        await cluster.RestoreAsync("r", """{"backupName":"b","includedNamespaces":["shop"]}""");
        Assert.NotNull(cluster.Api.Find(KubernetesResources.CustomResourceDefinitions, null, "widgets.example.com"));
        Assert.NotNull(cluster.Api.Find(widgets, "shop", "w"));
        Assert.Null(cluster.Api.Find(KubernetesResources.CustomResourceDefinitions, null, "others.example.com"));
    }

    [Theory]
    [InlineData("pods", """{"status":{"phase":"Succeeded"}}""", true)]
    [InlineData("pods", """{"status":{"phase":"Failed"}}""", true)]
    [InlineData("pods", """{"status":{"phase":"Running"}}""", false)]
    [InlineData("pods", """{"status":{"phase":"Pending"}}""", false)]
    [InlineData("pods", """{"metadata":{"annotations":{"kubernetes.io/config.mirror":"abc"}}}""", true)]
    [InlineData("jobs.batch", """{"status":{"completionTime":"2026-01-01T00:00:00Z"}}""", true)]
    [InlineData("jobs.batch", """{"status":{"active":1}}""", false)]
    [InlineData("configmaps", """{"metadata":{"name":"kube-root-ca.crt"}}""", true)]
    [InlineData("configmaps", """{"metadata":{"name":"settings"}}""", false)]
    [InlineData("endpoints", """{"metadata":{"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"x"}}}""", true)]
    [InlineData("endpoints", """{"metadata":{"name":"by-hand"}}""", false)]
    [InlineData("endpointslices.discovery.k8s.io", """{"metadata":{"labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"}}}""", true)]
    [InlineData("endpointslices.discovery.k8s.io", """{"metadata":{"labels":{"endpointslice.kubernetes.io/managed-by":"me"}}}""", false)]
    [InlineData("apiservices.apiregistration.k8s.io", """{"metadata":{"labels":{"kube-aggregator.kubernetes.io/automanaged":"true"}}}""", true)]
    [InlineData("apiservices.apiregistration.k8s.io", """{"metadata":{"name":"v1.mine"}}""", false)]
    public void What_has_ended_or_is_made_by_the_cluster_is_left_out(string groupResource, string item, bool leftOut) =>
        Assert.Equal(leftOut, RestoredObject.ReasonToSkip(groupResource, (JsonObject)JsonNode.Parse(item)!) is not null);

    [Fact]
    public void A_pod_loses_its_node_its_priority_number_and_the_tokens_of_its_account()
    {
        var pod = (JsonObject)JsonNode.Parse("""
            {"spec":{"nodeName":"n1","priority":1000,"priorityClassName":"high","serviceAccountName":"app",
              "volumes":[{"name":"app-token-x1y2"},{"name":"data"},{"name":"other-token-a"}],
              "containers":[{"name":"c","volumeMounts":[{"name":"app-token-x1y2"},{"name":"data"}]}],
              "initContainers":[{"name":"i","volumeMounts":[{"name":"app-token-x1y2"}]}],
              "affinity":{"nodeAffinity":{}},"tolerations":[{"key":"k"}]}}
            """)!;
        RestoredObject.PreparePod(pod);
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse("""
                    {"spec":{"priorityClassName":"high","serviceAccountName":"app","volumes":[{"name":"data"},{"name":"other-token-a"}],
                      "containers":[{"name":"c","volumeMounts":[{"name":"data"}]}],"initContainers":[{"name":"i","volumeMounts":[]}],"affinity":{"nodeAffinity":{}},"tolerations":[{"key":"k"}]}}
                    """),
                pod),
            pod.ToJsonString());
    }

    [Theory]
    // The token that old clusters made for each account is left out; one that was asked for comes back empty, to be filled again.
    [InlineData("app-token-x1y2z", false)]
    [InlineData("my-own", true)]
    public async Task Tokens_of_service_accounts_are_issued_anew(string name, bool restored)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"shop","annotations":{"kubernetes.io/service-account.name":"app","kubernetes.io/service-account.uid":"1"}},
             "type":"kubernetes.io/service-account-token","data":{"token":"eA==","ca.crt":"eA==","namespace":"c2hvcA=="} }
            """);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("r", """{"backupName":"b"}""")).Text("status", "phase"));
        var secret = cluster.Api.Find(WellKnownTestKinds.Secrets, "shop", name);
        Assert.Equal(restored, secret is not null);
        if (secret is null) return;
        Assert.Equal(["namespace"], secret["data"]!.AsObject().Select(d => d.Key));
        Assert.Null(secret.Annotation("kubernetes.io/service-account.uid"));
        Assert.Equal("app", secret.Annotation("kubernetes.io/service-account.name"));
    }

    private static void AddClaim(ControllerFixture cluster, string policy)
    {
        cluster.Api.Add(KubernetesResources.PersistentVolumes, $$$"""
            {"metadata":{"name":"pv","annotations":{"pv.kubernetes.io/bound-by-controller":"yes"}},
             "spec":{"storageClassName":"fast","persistentVolumeReclaimPolicy":"{{{policy}}}","claimRef":{"namespace":"shop","name":"data","uid":"u1","resourceVersion":"7"}} }
            """);
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop","annotations":{"pv.kubernetes.io/bind-completed":"yes"}},"spec":{"volumeName":"pv"},"status":{"phase":"Bound"}}""");
    }
}
