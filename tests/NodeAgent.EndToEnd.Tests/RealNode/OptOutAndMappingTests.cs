using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Volumes that are taken unasked, and a copy of a namespace beside it.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class OptOutAndMappingTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    [Fact]
    public async Task Volumes_are_taken_unasked_but_for_excluded_ones_and_come_back_in_another_namespace()
    {
        var (origin, copy, run) = (Node.Name("origin"), Node.Name("copy"), Node.Name("unasked"));
        await Node.CreateNamespaceAsync(origin);
        await Node.CreateNamespaceAsync(copy);
        await Node.ApplyAsync(Pod(origin));
        var pod = await Node.WaitForPodAsync(origin, "mixed");
        await Node.ExecAsync(origin, "mixed", $"{Tree.Script}\ntree /taken\necho cached > /left/file");
        await Tree.AddAttributesAsync(Node, pod, "taken");
        var before = await Tree.ListAsync(Node, pod, "/taken", "taken");

        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", run, "--include-namespaces", origin, "--default-volumes-to-fs-backup");
        var volume = Assert.Single(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, run));
        Assert.Equal("taken", (string?)volume["spec"]!["volume"]);
        // What nobody asked for by name is left out without a word.
        Assert.DoesNotContain("is not backed up", await Node.ResultsAsync("backups", run), StringComparison.Ordinal);

        await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", run, "--from-backup", run, "--namespace-mappings", $"{origin}:{copy}");
        var restored = await Node.WaitForPodAsync(copy, "mixed");
        Assert.Equal(before, await Tree.ListAsync(Node, restored, "/taken", "taken"));
        Assert.Equal($"{Tree.Greeting}\n", await Node.LogAsync(copy, "mixed", "app"));
        Assert.Equal("red\n", await Node.ExecAsync(copy, "mixed", "ls /left; cat /settings/colour; echo"));
        // The first one goes on as if nothing had been.
        Assert.Equal((string?)pod["metadata"]!["uid"], (string?)(await Node.GetAsync(KubernetesResources.Pods, origin, "mixed"))["metadata"]!["uid"]);
        await Node.KubectlAsync("delete", $"namespace/{origin}", $"namespace/{copy}", "--wait=false");
    }

    private string Pod(string ns) => $$"""
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: {{ns}} }
        data: {colour: red}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: mixed, namespace: {{ns}}, annotations: {backup.velero.io/backup-volumes-excludes: left} }
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: app
            image: {{Node.Settings.Busybox}}
            command: [sh, -c, "cat /taken/greeting 2>/dev/null; trap exit TERM; while :; do sleep 1; done"]
            volumeMounts: [{name: taken, mountPath: /taken}, {name: left, mountPath: /left}, {name: settings, mountPath: /settings}]
          volumes: [{name: taken, emptyDir: {} }, {name: left, emptyDir: {} }, {name: settings, configMap: {name: settings} }]
        """;
}
