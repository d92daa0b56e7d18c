using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>What the scenarios about hooks share: pods whose hooks leave traces are backed up, lost, and restored with hooks.</summary>
/// <param name="fixture">The node.</param>
public sealed class HookRound(RealNodeFixture fixture)
{
    private RealNode _node = null!;
    private Task? _done;

    internal string Namespace => _node.Name("hooks");

    internal string Run => _node.Name("hooks");

    /// <summary>What the file that hooks write to held in each pod when the backup had ended.</summary>
    internal Dictionary<string, string> OrderAfterBackup { get; } = [];

    /// <summary>How long the backup took.</summary>
    internal TimeSpan BackupTook { get; private set; }

    /// <summary>The round, when it is done.</summary>
    internal async Task<HookRound> DoneAsync()
    {
        _node = await fixture.GetAsync();
        await (_done ??= RunAsync());
        return this;
    }

    private async Task RunAsync()
    {
        await ScenarioTable.ShareAsync("pods with hooks are made", async () =>
        {
            await _node.CreateNamespaceAsync(Namespace);
            await _node.ApplyAsync(string.Join("\n---\n",
                Pod("annotated", "pre.hook.backup.velero.io/command: '[\"sh\",\"-c\",\"echo before >> /data/order\"]'", "post.hook.backup.velero.io/command: '[\"sh\",\"-c\",\"echo after >> /data/order\"]'",
                    $"init.hook.restore.velero.io/container-image: {_node.Settings.Busybox}", "init.hook.restore.velero.io/container-name: prepare", "init.hook.restore.velero.io/command: '[\"sh\",\"-c\",\"echo prepared\"]'",
                    "post.hook.restore.velero.io/command: '[\"sh\",\"-c\",\"echo restored >> /data/order\"]'"),
                Pod("continuing", "pre.hook.backup.velero.io/command: '[\"sh\",\"-c\",\"echo all is not well >&2; exit 3\"]'", "pre.hook.backup.velero.io/on-error: Continue"),
                Pod("failing", "pre.hook.backup.velero.io/command: '[\"sh\",\"-c\",\"exit 4\"]'", "pre.hook.backup.velero.io/on-error: Fail"),
                Pod("hanging", "pre.hook.backup.velero.io/command: '[\"sleep\",\"1000\"]'", "pre.hook.backup.velero.io/timeout: 2s", "pre.hook.backup.velero.io/on-error: Continue"),
                Pod("plain")));
            foreach (var pod in new[] { "annotated", "continuing", "failing", "hanging", "plain" }) await _node.WaitForPodAsync(Namespace, pod);
        });
        await ScenarioTable.ShareAsync("their backup with hooks", async () =>
        {
            var began = DateTime.UtcNow;
            await _node.ApplyAsync($$"""
                apiVersion: velero.io/v1
                kind: Backup
                metadata: {name: {{Run}}, namespace: {{RealNode.System}} }
                spec:
                  includedNamespaces: [{{Namespace}}]
                  hooks:
                    resources:
                    - name: of-the-backup
                      labelSelector: {matchLabels: {name: plain} }
                      pre:
                      - exec: {command: [sh, -c, "echo first >> /data/order"]}
                      - exec: {container: app, command: [sh, -c, "echo second >> /data/order"], timeout: 30s}
                      post:
                      - exec: {command: [sh, -c, "echo after >> /data/order"]}
                """);
            await _node.WaitForEndAsync(VeleroResources.Backups, Run, BackupPhase.PartiallyFailed);
            BackupTook = DateTime.UtcNow - began;
            foreach (var pod in new[] { "annotated", "plain" }) OrderAfterBackup[pod] = await _node.ExecAsync(Namespace, pod, "cat /data/order");
        });
        await ScenarioTable.ShareAsync("their namespace is deleted", () => _node.DeleteAsync(KubernetesResources.Namespaces, null, Namespace));
        await ScenarioTable.ShareAsync("their restore with hooks", async () =>
        {
            await _node.ApplyAsync($$"""
                apiVersion: velero.io/v1
                kind: Restore
                metadata: {name: {{Run}}, namespace: {{RealNode.System}} }
                spec:
                  backupName: {{Run}}
                  hooks:
                    resources:
                    - name: of-the-restore
                      labelSelector: {matchLabels: {name: plain} }
                      postHooks:
                      - init:
                          initContainers:
                          - name: look
                            image: {{_node.Settings.Busybox}}
                            command: [sh, -c, "cat /data/order; echo that was all"]
                            volumeMounts: [{name: data, mountPath: /data}]
                      - exec: {container: app, command: [sh, -c, "echo restored >> /data/order"], waitTimeout: 2m}
                """);
            await _node.WaitForEndAsync(VeleroResources.Restores, Run, RestorePhase.Completed);
        });
    }

    private string Pod(string name, params string[] annotations) => $$"""
        apiVersion: v1
        kind: Pod
        metadata:
          name: {{name}}
          namespace: {{Namespace}}
          labels: {name: {{name}} }
          annotations:
            backup.velero.io/backup-volumes: data
        {{string.Join('\n', annotations.Select(a => "    " + a))}}
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: app
            image: {{_node.Settings.Busybox}}
            command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, emptyDir: {} }]
        """;
}
