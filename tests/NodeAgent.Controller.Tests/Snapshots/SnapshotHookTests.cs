using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

public sealed class SnapshotHookTests
{
    [Fact]
    public async Task A_snapshot_is_taken_between_the_hooks_before_and_after_its_pod()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        var directory = Directory.CreateTempSubdirectory("snapshot-hooks-");
        try
        {
            var events = new ConcurrentQueue<string>();
            var location = directory.CreateSubdirectory("location").FullName;
            await using var embedded = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions
            {
                Directory = Path.Combine(directory.FullName, "cluster"),
                RunNodes = false,
                ExecHandler = (request, _) =>
                {
                    events.Enqueue(string.Join(' ', request.Command));
                    return Task.FromResult(new PodExecResult(0, ""));
                },
            }, limit.Token);
            embedded.Create($$"""
                {apiVersion: v1, kind: Namespace, metadata: {name: velero} }
                ---
                {apiVersion: v1, kind: Namespace, metadata: {name: shop} }
                ---
                {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], claimRef: {namespace: shop, name: data}, portworxVolume: {volumeID: px-data} } }
                ---
                {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}, spec: {volumeName: pv, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi} } } }
                ---
                apiVersion: v1
                kind: Pod
                metadata:
                  name: db
                  namespace: shop
                  annotations:
                    pre.hook.backup.velero.io/command: freeze
                    post.hook.backup.velero.io/command: thaw
                spec:
                  nodeName: node-1
                  containers: [{name: db, image: db, volumeMounts: [{name: data, mountPath: /d}]}]
                  volumes: [{name: data, persistentVolumeClaim: {claimName: data} }]
                ---
                {apiVersion: velero.io/v1, kind: BackupStorageLocation, metadata: {name: default, namespace: velero}, spec: {provider: filesystem, default: true, config: {path: "{{location}}"} } }
                ---
                {apiVersion: velero.io/v1, kind: VolumeSnapshotLocation, metadata: {name: cloud, namespace: velero}, spec: {provider: portworx, config: {type: cloud} } }
                ---
                {apiVersion: velero.io/v1, kind: Backup, metadata: {name: b, namespace: velero}, spec: {includedNamespaces: [shop]} }
                """);
            var config = ClusterConfig.ForServer(embedded.Address);
            using var client = new ApiClient(config);
            var cluster = new ClusterClient(client);
            await cluster.PatchAsync(NodeAgent.Kubernetes.KubernetesResources.Pods, "shop", "db", (JsonObject)JsonNode.Parse("""{"status":{"phase":"Running"}}""")!, "status", limit.Token);
            var storage = new SampleStorage { OnSnapshot = volume => events.Enqueue($"snapshot of {volume}") };
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            var options = new ControllerOptions { LeaderElection = false, PollInterval = TimeSpan.FromMilliseconds(20) };
            var controller = new ControllerHost(options, config, NullLoggerFactory.Instance, TimeProvider.System) { SnapshotProviders = new SnapshotProviders([storage]) }.RunAsync(stop.Token);
            JsonObject? backup;
            do
            {
                await Task.Delay(20, limit.Token);
                backup = await cluster.GetAsync(VeleroResources.Backups, "velero", "b", limit.Token);
            }
            while (backup.Text("status", "completionTimestamp") is null && backup.Text("status", "phase") is not BackupPhase.FailedValidation);
            await stop.CancelAsync();
            await controller;
            Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
            Assert.Equal(["freeze", "snapshot of px-data", "thaw"], events);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
