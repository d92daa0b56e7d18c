using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Tests.Cluster;

/// <summary>The controller against a server that checks objects against the schemas of daemonset/crds and prunes what they do not know.</summary>
public sealed class EmbeddedClusterTests
{
    private const string Shop = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: velero}
        ---
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop, labels: {team: web}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: shop}
        data: {k: v}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop, annotations: {backup.velero.io/backup-volumes: scratch}}
        spec:
          nodeName: node-1
          containers: [{name: web, image: nginx, volumeMounts: [{name: scratch, mountPath: /s}]}]
          volumes: [{name: scratch, emptyDir: {}}]
        ---
        apiVersion: coordination.k8s.io/v1
        kind: Lease
        metadata: {name: nodeagent-node-1, namespace: velero}
        spec: {holderIdentity: node-1}
        ---
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: widgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
          versions:
            - name: v1
              served: true
              storage: true
              schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """;

    [Fact]
    public async Task Backup_loss_restore_and_deletion_run_through_with_validated_objects()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(40));
        var cancellation = limit.Token;
        var directory = Directory.CreateTempSubdirectory("controller-cluster-");
        try
        {
            await using var embedded = await EmbeddedCluster.StartAsync(
                new EmbeddedClusterOptions { Directory = Path.Combine(directory.FullName, "cluster"), RunNodes = false }, cancellation);
            var location = directory.CreateSubdirectory("location").FullName;
            embedded.Create(Shop);
            using var http = new HttpClient { BaseAddress = embedded.Address, Timeout = Timeout.InfiniteTimeSpan };
            using var client = new ApiClient(ClusterConfig.ForServer(embedded.Address));
            var cluster = new ClusterClient(client);
            await cluster.PatchAsync(KubernetesResources.Pods, "shop", "web", Status("""{"phase":"Running"}"""), "status", cancellation);
            var widgets = new ResourceKind("example.com", "v1", "widgets", "Widget");
            await CreateAsync(cluster, widgets, "shop", """{"metadata":{"name":"w"},"spec":{"size":3}}""", cancellation);
            await CreateAsync(cluster, VeleroResources.BackupStorageLocations, "velero", $$"""
                {"metadata":{"name":"default"},"spec":{"provider":"filesystem","default":true,"config":{"path":"{{location}}"} } }
                """, cancellation);
            var options = new ControllerOptions
            {
                PollInterval = TimeSpan.FromMilliseconds(50),
                ResourceTimeout = TimeSpan.FromSeconds(5),
            };
            // The whole way through the kubeconfig, as a process outside the cluster goes.
            var config = ClusterConfig.Load(embedded.KubeconfigPath, null);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var controller = new ControllerHost(options, config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(stop.Token);
            var agent = PlayAgentAsync(cluster, stop.Token);

            await CreateAsync(cluster, VeleroResources.Backups, "velero", """{"metadata":{"name":"b"},"spec":{"includedNamespaces":["shop"]}}""", cancellation);
            var backup = await WaitAsync(cluster, VeleroResources.Backups, "b", o => IsOver(o), cancellation);
            Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));

            // No kubelet runs here that would end the pod in its own time.
            (await http.DeleteAsync(new Uri("api/v1/namespaces/shop/pods/web?gracePeriodSeconds=0", UriKind.Relative), cancellation)).EnsureSuccessStatusCode();
            await cluster.DeleteAsync(KubernetesResources.Namespaces, null, "shop", cancellation);
            await cluster.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, "widgets.example.com", cancellation);
            await CreateAsync(cluster, VeleroResources.Restores, "velero", """{"metadata":{"name":"r"},"spec":{"backupName":"b"}}""", cancellation);
            var restore = await WaitAsync(cluster, VeleroResources.Restores, "r", o => IsOver(o), cancellation);
            var results = BackupContents.ReadGzip(new DirectoryBucket(location), "restores/r/restore-r-results.gz");
            Assert.True(restore.Text("status", "phase") == RestorePhase.Completed, results);
            Assert.Equal("v", (await cluster.GetAsync(new ResourceKind("", "v1", "configmaps", "ConfigMap"), "shop", "settings", cancellation)).Text("data", "k"));
            Assert.Equal("web", (await cluster.GetAsync(KubernetesResources.Namespaces, null, "shop", cancellation))!.Label("team"));
            Assert.Equal(3, (await cluster.GetAsync(widgets, "shop", "w", cancellation)).Number("spec", "size"));
            var pod = await cluster.GetAsync(KubernetesResources.Pods, "shop", "web", cancellation);
            Assert.Equal("restore-wait", pod.Objects("spec", "initContainers").Single().Text("name"));

            await CreateAsync(cluster, VeleroResources.DeleteBackupRequests, "velero", """{"metadata":{"name":"d"},"spec":{"backupName":"b"}}""", cancellation);
            while (await cluster.GetAsync(VeleroResources.DeleteBackupRequests, "velero", "d", cancellation) is not null) await Task.Delay(20, cancellation);
            Assert.Null(await cluster.GetAsync(VeleroResources.Backups, "velero", "b", cancellation));
            Assert.Empty(Directory.EnumerateFiles(location, "*", SearchOption.AllDirectories));

            await stop.CancelAsync();
            await controller;
            await agent;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"x"},"spec":{"pod":{"name":"p"},"volume":"v"}}""")]
    [InlineData("""{"metadata":{"name":"x"},"spec":{"node":"n","pod":{"name":"p"},"volume":"v","backupStorageLocation":"l","repoIdentifier":"","uploaderType":"rsync"}}""")]
    public async Task The_schemas_refuse_what_Velero_refuses(string json)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var directory = Directory.CreateTempSubdirectory("controller-cluster-");
        try
        {
            await using var embedded = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = directory.FullName, RunNodes = false }, cancellation);
            using var client = new ApiClient(ClusterConfig.ForServer(embedded.Address));
            var error = await Assert.ThrowsAsync<ApiException>(() => CreateAsync(new ClusterClient(client), VeleroResources.PodVolumeBackups, "default", json, cancellation));
            Assert.Equal(HttpStatusCode.UnprocessableEntity, error.StatusCode);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static bool IsOver(JsonObject item) => item.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed or BackupPhase.Failed or BackupPhase.FailedValidation;

    private static JsonObject Status(string json) => new() { ["status"] = JsonNode.Parse(json) };

    private static Task<JsonObject> CreateAsync(ClusterClient cluster, ResourceKind kind, string ns, string json, CancellationToken cancellation)
    {
        var item = (JsonObject)JsonNode.Parse(json)!;
        item["apiVersion"] = kind.ApiVersion;
        item["kind"] = kind.Kind;
        return cluster.CreateAsync(kind, ns, item, cancellation);
    }

    private static async Task<JsonObject> WaitAsync(ClusterClient cluster, ResourceKind kind, string name, Func<JsonObject, bool> condition, CancellationToken cancellation)
    {
        while (true)
        {
            var item = await cluster.GetAsync(kind, "velero", name, cancellation);
            if (item is not null && condition(item)) return item;
            await Task.Delay(20, cancellation);
        }
    }

    /// <summary>Ends volume work as done, and puts restored pods on the node, as an agent and a scheduler would.</summary>
    private static async Task PlayAgentAsync(ClusterClient cluster, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                foreach (var kind in new[] { VeleroResources.PodVolumeBackups, VeleroResources.PodVolumeRestores })
                {
                    await foreach (var work in cluster.ListAsync(kind, "velero", null, cancellation))
                    {
                        if (PodVolumeWork.IsFinal(work)) continue;
                        var status = kind == VeleroResources.PodVolumeBackups ? """{"phase":"Completed","snapshotID":"snap"}""" : """{"phase":"Completed"}""";
                        await cluster.PatchStatusAsync(kind, "velero", work.Name(), (JsonObject)JsonNode.Parse(status)!, cancellation);
                    }
                }

                await foreach (var pod in cluster.ListAsync(KubernetesResources.Pods, "shop", null, cancellation))
                {
                    if (pod.Text("spec", "nodeName") is null)
                    {
                        await cluster.PatchAsync(KubernetesResources.Pods, "shop", pod.Name(), new JsonObject { ["spec"] = new JsonObject { ["nodeName"] = "node-1" } }, null, cancellation);
                    }
                }

                await Task.Delay(50, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }
}
