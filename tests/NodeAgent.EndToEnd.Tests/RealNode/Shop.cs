using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>An application in a namespace of its own: one pod whose volume takes some seconds to read.</summary>
internal sealed class Shop
{
    private readonly RealNode _node;

    private Shop(RealNode node, string ns)
    {
        _node = node;
        Namespace = ns;
    }

    public string Namespace { get; }

    /// <summary>What the volume holds, as <see cref="ReadAsync"/> tells it.</summary>
    public string Content { get; private set; } = "";

    /// <param name="node">The cluster.</param>
    /// <param name="name">Of the namespace, without what tells runs apart.</param>
    /// <param name="isHeldUp">Whether runs of it are going to be held up. Skips the test at once where that cannot be, and not when all is prepared.</param>
    public static async Task<Shop> AddAsync(RealNode node, string name, bool isHeldUp = true)
    {
        if (isHeldUp) _ = node.Gateway;
        var shop = new Shop(node, node.Name(name));
        await node.CreateNamespaceAsync(shop.Namespace);
        await shop.AddPodAsync();
        return shop;
    }

    /// <summary>Makes the pod, with other content than it had before.</summary>
    public async Task AddPodAsync()
    {
        await _node.ApplyAsync($$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: db
              namespace: {{Namespace}}
              annotations: {backup.velero.io/backup-volumes: data}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
                - name: db
                  image: {{_node.Settings.Busybox}}
                  imagePullPolicy: IfNotPresent
                  command: [sh, -c, "while :; do sleep 1; done"]
                  volumeMounts: [{name: data, mountPath: /data}]
              volumes: [{name: data, emptyDir: {} }]
            """);
        for (var attempt = 1; ; attempt++)
        {
            await _node.WaitForPodAsync(Namespace, "db");
            try
            {
                await _node.ExecAsync(Namespace, "db", "dd if=/dev/urandom of=/data/big bs=1M count=200 2>/dev/null && mkdir -p /data/a/b && echo small > /data/a/b/small && chmod 0640 /data/a/b/small");
                break;
            }
            catch (Exception e) when (attempt < 3 && IsMadeAnew(e.Message))
            {
                // The kubelet makes a new pod's containers anew when it was slow to see their network, and kills what runs in the first ones.
                await Task.Delay(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            }
        }

        Content = await ReadAsync();
    }

    /// <summary>What an exec ends with when its container is killed while it runs, or was just before it begins.</summary>
    private static bool IsMadeAnew(string message) =>
        message.Contains("exit code 137", StringComparison.Ordinal) || (message.Contains("failed to exec in container", StringComparison.Ordinal) && message.Contains("stopped state", StringComparison.Ordinal));

    public async Task<string> ReadAsync() => (await _node.ExecAsync(Namespace, "db", "cd /data && find . -type f | sort | xargs md5sum && stat -c '%a %n' a/b/small")).Trim();

    public Task BeginBackupAsync(string name) => BeginAsync(VeleroResources.PodVolumeBackups, name, "backup", "create", name, "--include-namespaces", Namespace);

    /// <summary>Starts a run and keeps the S3 server's answers from it as soon as its volume is on its way.</summary>
    /// <param name="volumes">The kind of its volumes.</param>
    /// <param name="run">Its name.</param>
    /// <param name="command">What starts it.</param>
    public async Task BeginAsync(ResourceKind volumes, string run, params string[] command)
    {
        await _node.RunAsync(command);
        var deadline = DateTime.UtcNow + RealNode.Limit;
        while (true)
        {
            var phase = await _node.VolumesOfAsync(volumes, run) is [var volume, ..] ? (string?)volume["status"]?["phase"] : null;
            if (phase == PodVolumePhase.InProgress) break;
            if (phase is PodVolumePhase.Completed or PodVolumePhase.Failed || DateTime.UtcNow > deadline) await _node.FailAsync($"the volume of {run} was {phase ?? "not there"} when it was to be held up");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        _node.Gateway.Hold();
    }

    /// <summary>Restores a backup in place of what is there, and compares.</summary>
    public async Task ExpectBackAsync(string backup)
    {
        await _node.DeleteAsync(KubernetesResources.Namespaces, null, Namespace);
        await _node.RunToEndAsync(RestorePhase.Completed, "restore", "create", backup, "--from-backup", backup);
        await _node.WaitForPodAsync(Namespace, "db");
        Assert.Equal(Content, await ReadAsync());
    }
}
