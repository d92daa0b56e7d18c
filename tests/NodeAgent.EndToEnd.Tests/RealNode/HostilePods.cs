using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>
/// Pods that want more than they have. One, with a volume of its own, wants to be backed up with it. Another shares a volume with
/// a pod that is restored, and wants the node's files written in its place. In loops of renames, each of which swaps a dozen
/// entries, they put links to the node's files and to a neighbour's volume where their directories and files were, and take them back.
/// </summary>
internal sealed class HostilePods(RealNode node)
{
    public const string Racer = "racer";
    public const string Intruder = "intruder";
    public const string Neighbour = "neighbour";

    /// <summary>Shares the intruder's volume; its backup is restored.</summary>
    public const string Filled = "filled";

    /// <summary>Begins the names that restores give to what they need in a volume while they fill it.</summary>
    public const string RestoreMark = ".nodeagent-restore-";

    // Of each pod's volume: whole directories, directories whose "sub" is swapped, and files.
    private const int Slots = 12;

    private static readonly string[] HostileDirectories = ["/etc", "/", "/proc/1/root", "../..", "../../../..", "/tmp", "/scratch", "/var/run/secrets/kubernetes.io/serviceaccount"];
    private static readonly string[] HostileFiles = ["/etc/passwd", "/etc/shadow", "/proc/1/root/etc/passwd", "/proc/self/environ", "/dev/zero", "/credentials/cloud", "/var/run/secrets/kubernetes.io/serviceaccount/token"];

    /// <summary>Of the file contents of both volumes nothing is anything but repetitions of this.</summary>
    public const string Calm = "calm\n";

    public string Namespace => node.Name("race");

    /// <summary>Where the node keeps the shared volume.</summary>
    public string Shared => $"{node.Root}/var/lib/nodeagent-volumes/{node.Id}-shared";

    /// <summary>On the node, a directory in no volume.</summary>
    public string Canary => $"/var/lib/nodeagent-volumes/{node.Id}-canary";

    /// <summary>Begins the name of many a file of the volumes, and of nothing else on the node.</summary>
    public string Mark => $"calm-{node.Id}";

    /// <summary>The names in both volumes, whatever is swapped.</summary>
    public bool IsOwnName(string name) =>
        name is "inner" or "shadow" or "passwd" or "sub" or ".s" or ".a" or ".l" or ".f" or ".c" || name.StartsWith(Mark, StringComparison.Ordinal) || name.StartsWith(RestoreMark, StringComparison.Ordinal)
        || (name[0] is 'd' or 'f' && int.TryParse(name.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 2 * Slots);

    /// <summary>Makes the pods and fills their volumes; they are calm as yet. The neighbour's volume says what <paramref name="secret"/> says.</summary>
    public async Task AddAsync(string secret)
    {
        Directory.CreateDirectory(Shared);
        await node.CreateNamespaceAsync(Namespace);
        await node.ApplyAsync(Volume() + Pod(Neighbour, "emptyDir: {}"));
        var neighbour = await node.WaitForPodAsync(Namespace, Neighbour);
        await node.ExecAsync(Namespace, Neighbour, $"cd /data; for name in inner shadow passwd f0 f1 f2; do echo '{secret}' > $name; done; mkdir sub d0; cp inner shadow sub; cp inner d0; chmod 0700 sub");
        var loop = Loop((string)neighbour["metadata"]!["uid"]!, Canary);
        await node.ApplyAsync(Pod(Filled, Claim) + Pod(Racer, "emptyDir: {}", loop) + Pod(Intruder, Claim, loop));
        foreach (var name in (string[])[Filled, Racer, Intruder]) await node.WaitForPodAsync(Namespace, name);
        foreach (var name in (string[])[Racer, Intruder]) await node.ExecAsync(Namespace, name, Fill);
    }

    /// <summary>Sets one of them going.</summary>
    public Task BeginAsync(string pod) => node.ExecAsync(Namespace, pod, "touch /tmp/go");

    /// <summary>Calms both. A volume is calm when its own directories and files are in their places, and nothing moves any more.</summary>
    public async Task EndAsync()
    {
        foreach (var name in (string[])[Racer, Intruder])
            await node.ExecAsync(Namespace, name, "touch /tmp/stop; for n in $(seq 600); do [ -e /tmp/stopped ] && exit; sleep 0.1; done; exit 1");
    }

    /// <summary>How often an entry took another's place, and how often something else was found in the place where a link had been put.</summary>
    public async Task<(long Swaps, long Lost)> CountAsync(string pod)
    {
        var numbers = (await node.ExecAsync(Namespace, pod, "cat /tmp/count")).Split(' ', StringSplitOptions.TrimEntries);
        return (long.Parse(numbers[0], CultureInfo.InvariantCulture), long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Removes them.</summary>
    public Task RemoveAsync() => node.KubectlAsync("delete", $"namespace/{Namespace}", "--wait=false", "--ignore-not-found");

    private static string Claim => "persistentVolumeClaim: {claimName: shared}";

    private string Fill => $$"""
        set -e
        cd /data
        mkdir d0
        for n in $(seq 20); do echo calm > d0/{{Mark}}-$n; done
        for n in inner shadow passwd; do echo calm > d0/$n; done
        mkdir d0/sub
        cp d0/inner d0/shadow d0/sub
        for n in $(seq 1 {{(2 * Slots) - 1}}); do cp -r d0 d$n; done
        # In an entry, in a bundle, and as chunks of their own.
        for n in $(seq 0 3 {{Slots - 1}}); do
          yes calm | head -c 40 > f$n
          yes calm | head -c 9000 > f$((n + 1))
          yes calm | head -c 200000 > f$((n + 2))
        done
        """;

    /// <summary>What a hostile pod does. Calls of "mv" and "ln" take all slots at once: between two entries lies no start of a program.</summary>
    private static string Loop(string neighbour, string canary)
    {
        // The volume's parent directories, seen from a link in the volume, up to the one of all pods.
        string[] neighbours = [$"../../../../{neighbour}/volumes/kubernetes.io~empty-dir/data", $"/host_pods/{neighbour}/volumes/kubernetes.io~empty-dir/data", $"/var/lib/kubelet/pods/{neighbour}/volumes/kubernetes.io~empty-dir/data"];
        string[] directories = [.. neighbours, canary, .. HostileDirectories];
        string[] files = [.. neighbours[..2].Select(n => $"{n}/inner"), .. HostileFiles];
        Assert.True(directories.Length == Slots && files.Length < Slots, "each slot has one target");
        string All(string prefix) => string.Join(' ', Enumerable.Range(0, Slots).Select(n => prefix + n));
        return $$"""
            trap exit TERM
            while [ ! -e /tmp/go ]; do sleep 0.1; done
            cd /data
            mkdir .a .l .f .c
            cp f* .c
            swaps=0 lost=0 m={{Slots}} sub=../../../../../{{neighbour}}/volumes/kubernetes.io~empty-dir/data/sub
            while [ ! -e /tmp/stop ]; do
              n=0
              for target in {{string.Join(' ', directories)}}; do
                [ -L .l/d$n ] || { rm -rf .l/d$n; ln -s $target .l/d$n; lost=$((lost + 1)); }
                n=$((n + 1))
              done
              n=0
              for target in {{string.Join(' ', files)}}; do
                [ -L .f/f$n ] || { rm -rf .f/f$n; ln -s $target .f/f$n; lost=$((lost + 1)); }
                n=$((n + 1))
              done
              while [ $n -lt {{Slots}} ]; do
                [ -p .f/f$n ] || { rm -rf .f/f$n; mkfifo .f/f$n; lost=$((lost + 1)); }
                n=$((n + 1))
              done
              [ $swaps != 0 ] || lost=0
              # Directories are links for a moment, and are back.
              mv {{All("d")}} .a
              mv {{All(".l/d")}} .
              mv {{All("d")}} .l
              mv {{All(".a/d")}} .
              # One whose place was taken meanwhile is not missed.
              n=0
              while [ $n -lt {{Slots}} ]; do
                [ ! -e .a/d$n ] || { rm -rf .a/d$n; lost=$((lost + 1)); }
                n=$((n + 1))
              done
              # Links and fifos replace files in one step, and further names of the same files take their places again.
              mv -f {{All(".f/f")}} .
              mv -f {{All("f")}} .f
              ln -f {{All(".c/f")}} .
              # A directory within one that is walked or filled.
              if mv d$m/sub d$m/.s && ln -s $sub d$m/sub; then
                [ -L d$m/sub ] && rm d$m/sub || lost=$((lost + 1))
                [ -e d$m/sub ] && rm -rf d$m/.s || mv d$m/.s d$m/sub
              fi
              m=$((m < {{(2 * Slots) - 1}} ? m + 1 : {{Slots}}))
              swaps=$((swaps + {{(2 * Slots) + 1}}))
              echo $swaps $lost > /tmp/count.new
              mv /tmp/count.new /tmp/count
            done 2>/tmp/errors
            touch /tmp/stopped
            while :; do sleep 1; done
            """;
    }

    private string Volume() => $$"""
        apiVersion: storage.k8s.io/v1
        kind: StorageClass
        metadata: {name: {{Namespace}}, labels: {{node.Labels}} }
        provisioner: kubernetes.io/no-provisioner
        volumeBindingMode: WaitForFirstConsumer
        ---
        apiVersion: v1
        kind: PersistentVolume
        metadata: {name: {{Namespace}}, labels: {{node.Labels}} }
        spec:
          capacity: {storage: 1Gi}
          accessModes: [ReadWriteMany]
          persistentVolumeReclaimPolicy: Retain
          storageClassName: {{Namespace}}
          local: {path: /var/lib/nodeagent-volumes/{{node.Id}}-shared}
          nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [{{node.Settings.NodeName}}]}]}]} }
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: shared, namespace: {{Namespace}} }
        spec: {accessModes: [ReadWriteMany], storageClassName: {{Namespace}}, resources: {requests: {storage: 1Gi} } }

        """;

    private string Pod(string name, string volume, string script = "trap exit TERM; while :; do sleep 1; done") => $$"""
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: {{name}}
          namespace: {{Namespace}}
          labels: {kind: {{(name is Racer or Intruder ? "hostile" : name)}} }
          annotations: {backup.velero.io/backup-volumes: data}
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: app
            image: {{node.Settings.Busybox}}
            command: [sh, -c, {{JsonValue.Create(script).ToJsonString()}}]
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, {{volume}} }]

        """;
}
