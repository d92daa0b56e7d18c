using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Pods that do not last as long as their backup.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class DepartureTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    [Fact]
    public async Task A_pod_that_is_deleted_and_one_that_ends_during_the_backup_cost_their_own_volumes_and_no_other()
    {
        var (ns, backup) = (Node.Name("leaving"), Node.Name("leaving"));
        var gateway = Node.Gateway;
        await Node.CreateNamespaceAsync(ns);
        await Node.ApplyAsync(string.Join("\n---\n", Pod(ns, "deleted"), Pod(ns, "ending"), Pod(ns, "staying")));
        foreach (var pod in new[] { "deleted", "ending", "staying" })
        {
            await Node.WaitForPodAsync(ns, pod);
            await Node.ExecAsync(ns, pod, $"{Tree.Script}\ntree /data");
        }

        // The first backup of a location asks its bucket for the repository before it asks for volumes, which below it could not.
        if (await Node.FindAsync(KubernetesResources.Secrets, RealNode.System, "velero-repo-credentials") is null)
            await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", $"{backup}-first", "--include-namespaces", ns, "--selector", "pod=staying");
        await Node.RunAsync("backup", "create", backup, "--include-namespaces", ns);
        await AwaitFileAsync(ns, "deleted", "/tmp/began");
        try
        {
            // No volume can be read before its repository is open.
            gateway.Hold();
            await Node.ExecAsync(ns, "deleted", "touch /tmp/go");
            await AwaitVolumesAsync(backup, 3);
            await Node.ExecAsync(ns, "ending", "touch /tmp/end");
            await Node.DeleteAsync(KubernetesResources.Pods, ns, "deleted");
            await Node.WaitAsync(KubernetesResources.Pods, ns, "ending", "its end", p => (string?)p?["status"]?["phase"] == "Succeeded");
        }
        finally
        {
            gateway.Release();
        }

        var ended = await Node.WaitForEndAsync(VeleroResources.Backups, backup, BackupPhase.PartiallyFailed);
        var volumes = (await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, backup)).ToDictionary(v => (string)v["spec"]!["pod"]!["name"]!);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', volumes.Select(v => $"{v.Key}: {v.Value["status"]!.ToJsonString()}")));
        Assert.Equal(PodVolumePhase.Completed, Phase(volumes["staying"]));
        Assert.Equal(PodVolumePhase.Failed, Phase(volumes["deleted"]));
        // The kubelet removes the volumes of a pod that has ended, in its own time.
        Assert.Contains(Phase(volumes["ending"]), new[] { PodVolumePhase.Completed, PodVolumePhase.Failed });
        var results = await Node.ResultsAsync("backups", backup);
        foreach (var (pod, volume) in volumes.Where(v => Phase(v.Value) == PodVolumePhase.Failed))
        {
            Assert.NotEmpty((string?)volume["status"]!["message"] ?? "");
            Assert.Contains($"volume data of pod {ns}/{pod}: Failed: ", results, StringComparison.Ordinal);
        }

        Assert.Equal(volumes.Values.Count(v => Phase(v) == PodVolumePhase.Failed), (int?)ended["status"]!["errors"]);
        await Node.KubectlAsync("delete", $"namespace/{ns}", "--wait=false");
    }

    private static string? Phase(JsonObject volume) => (string?)volume["status"]?["phase"];

    private async Task AwaitFileAsync(string ns, string pod, string path) =>
        Assert.Equal("there\n", await Node.ExecAsync(ns, pod, $"for n in $(seq 600); do [ -e {path} ] && echo there && exit; sleep 0.1; done"));

    private async Task AwaitVolumesAsync(string backup, int count)
    {
        var began = DateTime.UtcNow;
        while ((await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, backup)).Count(v => Phase(v) is PodVolumePhase.Accepted or PodVolumePhase.InProgress) < count)
        {
            if (DateTime.UtcNow - began > RealNode.Limit) await Node.FailAsync($"the agent did not take up the {count} volumes of backup {backup}");
            await Task.Delay(100, Cancellation);
        }
    }

    /// <summary>The first of them in the order of names holds the backup up until it is told to go on.</summary>
    private string Pod(string ns, string name) => $$"""
        apiVersion: v1
        kind: Pod
        metadata:
          name: {{name}}
          namespace: {{ns}}
          labels: {pod: {{name}} }
          annotations:
            backup.velero.io/backup-volumes: data
        {{(name == "deleted" ? """
                pre.hook.backup.velero.io/command: '["sh","-c","touch /tmp/began; while [ ! -e /tmp/go ]; do sleep 0.1; done"]'
                pre.hook.backup.velero.io/timeout: 90s
            """ : "")}}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 0
          containers:
          - name: app
            image: {{Node.Settings.Busybox}}
            command: [sh, -c, "trap exit TERM; while [ ! -e /tmp/end ]; do sleep 0.1; done"]
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, emptyDir: {} }]
        """;
}
