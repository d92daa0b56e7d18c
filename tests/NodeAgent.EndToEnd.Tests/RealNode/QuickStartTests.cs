using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>The README's way into a cluster.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class QuickStartTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    [Fact]
    public async Task The_quick_start_works_as_written_in_a_namespace_of_its_own_beside_another_installation()
    {
        var (system, shop) = (Node.Name("backups"), Node.Name("quick"));
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        var credentials = Path.Combine(Node.Scratch, "credentials");
        await File.WriteAllTextAsync(credentials, GatewayBucket.CredentialsFile, Cancellation);
        try
        {
            var installed = await Node.RunInAsync(system, "install", "--image", Node.Settings.Image, "--provider", "aws", "--bucket", bucket.Name, "--secret-file", credentials, "--backup-location-config", Node.LocationConfig, "--wait");
            Assert.Contains($"NodeAgent is installed in namespace {system}.", installed, StringComparison.Ordinal);
            Assert.Contains($"ClusterRoleBinding/nodeagent-controller-{system}: created", installed, StringComparison.Ordinal);

            await Node.CreateNamespaceAsync(shop);
            await Node.ApplyAsync(Pod(shop));
            await Node.WaitForPodAsync(shop, "web");
            await Node.ExecAsync(shop, "web", $"{Tree.Script}\ntree /data");
            var before = await Tree.ListAsync(Node, await Node.WaitForPodAsync(shop, "web"), "/data", "data");

            await Node.KubectlAsync("-n", shop, "annotate", "pod/web", "backup.velero.io/backup-volumes=data");
            var backup = await Node.RunInAsync(system, "backup", "create", "first", "--include-namespaces", shop, "--wait");
            Assert.Contains("Completed", backup, StringComparison.Ordinal);
            await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop);
            var restore = await Node.RunInAsync(system, "restore", "create", "--from-backup", "first", "--wait");
            Assert.Contains("Completed", restore, StringComparison.Ordinal);
            Assert.Equal(before, await Tree.ListAsync(Node, await Node.WaitForPodAsync(shop, "web"), "/data", "data"));

            // Its files are in its own bucket, and the other installation knows nothing of it.
            Assert.NotEmpty(await bucket.ListAsync("backups/first/", Cancellation));
            Assert.Null(await Node.FindAsync(VeleroResources.Backups, RealNode.System, "first"));
            Assert.Contains("Phase:", await Node.RunInAsync(system, "backup", "describe", "first", "--details"), StringComparison.Ordinal);
        }
        finally
        {
            // While there is a controller that takes the finalizers off.
            await Node.KubectlAsync("-n", system, "delete", "restores.velero.io", "--all", "--ignore-not-found", "--timeout=60s");
            await Node.KubectlAsync("delete", $"clusterrolebinding/nodeagent-controller-{system}", $"clusterrolebinding/nodeagent-agent-{system}", "--ignore-not-found");
            await Node.KubectlAsync("delete", $"namespace/{system}", $"namespace/{shop}", "--ignore-not-found", "--wait=false");
        }
    }

    private string Pod(string ns) => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: {{ns}} }
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: app
            image: {{Node.Settings.Busybox}}
            command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, emptyDir: {} }]
        """;
}
