using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>
/// What the scenarios about volumes share: pods with volumes of many kinds are backed up twice, their namespaces deleted, and all is
/// restored from the first backup.
/// </summary>
/// <param name="fixture">The node.</param>
public sealed class VolumeRound(RealNodeFixture fixture)
{
    private readonly Dictionary<string, string> _before = [];
    private RealNode _node = null!;
    private Task? _done;

    /// <summary>Namespaces whose objects are lost and come back.</summary>
    internal string Shop => _node.Name("shop");

    internal string Market => _node.Name("market");

    /// <summary>Backed up with them and not lost.</summary>
    internal string Refused => _node.Name("refused");

    internal string StorageClass => _node.Name("local");

    internal string Backup => _node.Name("volumes");

    internal string Again => _node.Name("volumes-again");

    internal string Restore => _node.Name("volumes");

    /// <summary>Namespace, pod and volume of those whose files are compared. Claims need directories on the node.</summary>
    internal List<(string Ns, string Pod, string Volume)> Volumes
    {
        get
        {
            List<(string Ns, string Pod, string Volume)> all = [(Shop, "plain", "data"), (Shop, "memory", "data"), (Shop, "parts", "data"), (Shop, "reader", "data"), (Shop, "private", "data"), (Shop, "twin", "data"), (Market, "twin", "data")];
            if (HasClaims) all.AddRange([(Shop, "claimed", "data"), (Shop, "frozen", "data"), (Shop, "db-0", "data"), (Shop, "db-1", "data")]);
            return all;
        }
    }

    internal bool HasClaims => _node.Settings.Root is not null;

    /// <summary>The round, when it is done.</summary>
    internal async Task<VolumeRound> DoneAsync()
    {
        _node = await fixture.GetAsync();
        await (_done ??= RunAsync());
        return this;
    }

    /// <summary>What the volume held when it was backed up.</summary>
    internal string Before(string ns, string pod, string volume) => _before[$"{ns}/{pod}/{volume}"];

    internal async Task<string> NowAsync(string ns, string pod, string volume)
    {
        var found = await _node.WaitForPodAsync(ns, pod);
        return await Tree.ListAsync(_node, found, "/data", await DirectoryOfAsync(found, volume));
    }

    /// <summary>The PersistentVolume that a claim is bound to.</summary>
    internal async Task<string> BoundAsync(string claim) => (string)(await _node.GetAsync(KubernetesResources.PersistentVolumeClaims, Shop, claim))["spec"]!["volumeName"]!;

    /// <summary>The record of a volume's backup.</summary>
    internal async Task<JsonObject> BackupOfAsync(string backup, string ns, string pod, string volume) => (await _node.VolumesOfAsync(VeleroResources.PodVolumeBackups, backup))
        .Single(b => (string?)b["spec"]!["volume"] == volume && (string?)b["spec"]!["pod"]!["name"] == pod && (string?)b["spec"]!["pod"]!["namespace"] == ns);

    private async Task RunAsync()
    {
        await ScenarioTable.ShareAsync("pods with volumes are made and filled", MakeAsync);
        await ScenarioTable.ShareAsync("their backup", () => _node.RunToEndAsync(BackupPhase.Completed, "backup", "create", Backup, "--include-namespaces", $"{Shop},{Market},{Refused}"));
        await ScenarioTable.ShareAsync("their second backup", () => _node.RunToEndAsync(BackupPhase.Completed, "backup", "create", Again, "--include-namespaces", $"{Shop},{Market}"));
        await ScenarioTable.ShareAsync("their namespaces are deleted", () => _node.DeleteAsync(KubernetesResources.Namespaces, null, Shop, Market));
        await ScenarioTable.ShareAsync("their restore", async () =>
        {
            await _node.RunToEndAsync(RestorePhase.Completed, "restore", "create", Restore, "--from-backup", Backup, "--include-namespaces", $"{Shop},{Market}");
            foreach (var (ns, pod, _) in Volumes) await _node.WaitForPodAsync(ns, pod);
        });
    }

    private async Task MakeAsync()
    {
        foreach (var ns in new[] { Shop, Market, Refused }) await _node.CreateNamespaceAsync(ns);
        await _node.ApplyAsync(Pods());
        if (HasClaims) await _node.ApplyAsync(Claims());
        foreach (var (ns, pod, volume) in Volumes)
        {
            var found = await _node.WaitForPodAsync(ns, pod);
            var directory = await DirectoryOfAsync(found, volume);
            // Some are filled by init containers or on the node, since nothing can write to all of them while they run.
            if (pod is not ("reader" or "parts" or "frozen")) await _node.ExecAsync(ns, pod, $"{Tree.Script}\ntree /data && echo '{ns}/{pod}' > /data/whose");
            if (pod == "private") await _node.ExecAsync(ns, pod, "chown 1001:1002 /data && chmod 0700 /data");
            if (pod == "frozen") await ToolProcess.RunAsync("bash", ["-c", $"{Tree.Script}\ntree {_node.Root}/var/lib/nodeagent-volumes/{_node.Id}-{directory.Split('-')[1]}"]);
            if (pod is not ("parts" or "frozen")) await Tree.AddAttributesAsync(_node, found, directory);
            _before[$"{ns}/{pod}/{volume}"] = await Tree.ListAsync(_node, found, "/data", directory);
        }
    }

    private async Task<string> DirectoryOfAsync(JsonObject pod, string volume)
    {
        var claim = (string?)pod["spec"]!["volumes"]!.AsArray().Single(v => (string?)v!["name"] == volume)!["persistentVolumeClaim"]?["claimName"];
        return claim is null ? volume : await BoundAsync(claim);
    }

    /// <summary>A pod that says what it finds in its volume, and ends at once when it is to.</summary>
    private string Pod(string ns, string name, string volume, string mounts = "[{name: data, mountPath: /data}]", string init = "[]") => $$"""
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, namespace: {{ns}}, annotations: {backup.velero.io/backup-volumes: data} }
        spec:
          terminationGracePeriodSeconds: 0
          initContainers: {{init}}
          containers:
          - name: app
            image: {{_node.Settings.Busybox}}
            command: [sh, -c, "echo began; cat /data/greeting 2>/dev/null; trap exit TERM; while :; do sleep 1; done"]
            volumeMounts: {{mounts}}
          volumes: [{name: data, {{volume}} }, {name: script, configMap: {name: script, optional: true} }]

        """;

    private string Pods()
    {
        var filled = $$"""[{name: fill, image: "{{_node.Settings.Busybox}}", command: [sh, -c, "[ -e /data/greeting ] || { . /script/tree; tree /data; }"], volumeMounts: [{name: data, mountPath: /data}, {name: script, mountPath: /script}]}]""";
        var script = string.Join('\n', Tree.Script.Split('\n').Select(line => "    " + line));
        return $$"""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: script, namespace: {{Shop}} }
            data:
              tree: |
            {{script}}

            """
            + Pod(Shop, "plain", "emptyDir: {}")
            + Pod(Shop, "memory", "emptyDir: {medium: Memory}")
            // The two halves of the volume are in two places, and nothing has the whole.
            + Pod(Shop, "parts", "emptyDir: {}", "[{name: data, mountPath: /data/one, subPath: first/half}, {name: data, mountPath: /data/two, subPath: second}]",
                $$"""[{name: fill, image: "{{_node.Settings.Busybox}}", command: [sh, -c, "[ -e /one/greeting ] || { . /script/tree; tree /one; echo 2 > /two/other; }"], volumeMounts: [{name: data, mountPath: /one, subPath: first/half}, {name: data, mountPath: /two, subPath: second}, {name: script, mountPath: /script}]}]""")
            + Pod(Shop, "reader", "emptyDir: {}", "[{name: data, mountPath: /data, readOnly: true}]", filled)
            + Pod(Shop, "private", "emptyDir: {}")
            + Pod(Shop, "twin", "emptyDir: {}")
            + Pod(Market, "twin", "emptyDir: {}")
            + $$"""
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: keys, namespace: {{Refused}} }
            stringData: {key: open sesame}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings, namespace: {{Refused}} }
            data: {colour: red}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: refused, namespace: {{Refused}}, annotations: {backup.velero.io/backup-volumes: "host,settings,keys,both,nowhere"} }
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - name: app
                image: {{_node.Settings.Busybox}}
                command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
                volumeMounts: [{name: host, mountPath: /host}, {name: settings, mountPath: /settings}, {name: keys, mountPath: /keys}, {name: both, mountPath: /both}]
              volumes:
              - {name: host, hostPath: {path: /tmp} }
              - {name: settings, configMap: {name: settings} }
              - {name: keys, secret: {secretName: keys} }
              - {name: both, projected: {sources: [{configMap: {name: settings} }, {secret: {name: keys} }]} }
            """;
    }

    /// <summary>Local volumes as an administrator makes them, two for each claim: what is restored is given a fresh one.</summary>
    private string Claims()
    {
        string Claim(string name) => $$"""
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: {{name}}, namespace: {{Shop}} }
            spec: {accessModes: [ReadWriteOnce], storageClassName: {{StorageClass}}, resources: {requests: {storage: 1Gi} } }

            """;

        var volumes = "";
        for (var i = 0; i < 8; i++)
        {
            var path = $"/var/lib/nodeagent-volumes/{_node.Id}-{i}";
            Directory.CreateDirectory(_node.Root + path);
            volumes += $$"""
                ---
                apiVersion: v1
                kind: PersistentVolume
                metadata: {name: {{_node.Name($"disk-{i}")}}, labels: {{_node.Labels}} }
                spec:
                  capacity: {storage: 1Gi}
                  accessModes: [ReadWriteOnce]
                  persistentVolumeReclaimPolicy: Retain
                  storageClassName: {{StorageClass}}
                  local: {path: {{path}} }
                  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [{{_node.Settings.NodeName}}]}]}]} }

                """;
        }

        return $$"""
            apiVersion: storage.k8s.io/v1
            kind: StorageClass
            metadata: {name: {{StorageClass}}, labels: {{_node.Labels}} }
            provisioner: kubernetes.io/no-provisioner
            volumeBindingMode: WaitForFirstConsumer

            """
            + volumes + Claim("claimed") + Claim("frozen")
            + Pod(Shop, "claimed", "persistentVolumeClaim: {claimName: claimed}")
            + Pod(Shop, "frozen", "persistentVolumeClaim: {claimName: frozen, readOnly: true}")
            + $$"""
            ---
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {name: db, namespace: {{Shop}} }
            spec:
              serviceName: db
              replicas: 2
              podManagementPolicy: Parallel
              selector: {matchLabels: {app: db} }
              template:
                metadata: {labels: {app: db}, annotations: {backup.velero.io/backup-volumes: data} }
                spec:
                  terminationGracePeriodSeconds: 0
                  containers:
                  - name: app
                    image: {{_node.Settings.Busybox}}
                    command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
                    volumeMounts: [{name: data, mountPath: /data}]
              volumeClaimTemplates:
              - metadata: {name: data}
                spec: {accessModes: [ReadWriteOnce], storageClassName: {{StorageClass}}, resources: {requests: {storage: 1Gi} } }
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: raw, namespace: {{Refused}} }
            spec: {accessModes: [ReadWriteOnce], volumeMode: Block, storageClassName: {{StorageClass}}, resources: {requests: {storage: 1Gi} } }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: raw, namespace: {{Refused}}, annotations: {backup.velero.io/backup-volumes: disk} }
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - {name: app, image: "{{_node.Settings.Busybox}}", command: [sleep, "1000000"], volumeDevices: [{name: disk, devicePath: /dev/disk}]}
              volumes: [{name: disk, persistentVolumeClaim: {claimName: raw} }]
            """;
    }
}
