using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>A cluster that is large for its node, measured: <c>tests/load/load</c> asks for it and prints the table.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed partial class LoadTests(RealNodeFixture fixture) : IAsyncLifetime
{
    private const int Connections = 24;
    private const int PerNamespace = 2500;
    private const long MiB = 1 << 20;

    private RealNode _node = null!;
    private int _rows;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static TimeSpan Limit => TimeSpan.FromSeconds(Number("LIMIT"));

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("NODEAGENT_TEST_LOAD_TABLE") is { Length: > 0 }, "a measurement of minutes: tests/load/load runs it");
        _node = await fixture.GetAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_backup_of_many_pods_among_many_objects_and_schedules_keeps_to_the_memory_limits()
    {
        var (pods, objects, schedules) = (Number("PODS"), Number("OBJECTS"), Number("SCHEDULES"));
        await MeasureAsync($"{pods} pods with a volume each are made and run", () => AddPodsAsync(pods));
        await MeasureAsync($"{objects} ConfigMaps and Secrets are made", () => AddObjectsAsync(objects));
        await MeasureAsync($"first backup: {pods} volumes, {objects} objects", () => BackUpAsync("load-1"));
        for (var i = 0; i < schedules; i++)
            await _node.RunAsync("schedule", "create", $"load-{i}", "--schedule", "@every 1m", "--include-namespaces", Namespace(i), "--ttl", "1h");
        await MeasureAsync($"second backup, while {schedules} schedules run every minute", () => BackUpAsync("load-2"));
        await MeasureAsync("one minute of the schedules alone", () => Task.Delay(TimeSpan.FromMinutes(1), Cancellation));
        var made = (await _node.ListAsync(VeleroResources.Backups, RealNode.System)).Where(b => ((string)b["metadata"]!["name"]!).StartsWith("load-", StringComparison.Ordinal)).ToList();
        var byPhase = made.GroupBy(b => (string?)b["status"]?["phase"] ?? "New").Select(g => $"{g.Count()} {g.Key}");
        Add("backups at the end", string.Join(", ", byPhase));
        foreach (var pod in await _node.ListAsync(KubernetesResources.Pods, RealNode.System))
        {
            var container = pod["status"]!["containerStatuses"]!.AsArray().Single()!;
            Assert.True((int)container["restartCount"]! == 0, $"{pod["metadata"]!["name"]} was restarted: {container["lastState"]?.ToJsonString()}");
        }
    }

    /// <summary>The table grows with each step, so that one that fails late leaves what was measured before.</summary>
    private void Add(string what, string value)
    {
        _rows++;
        var path = Environment.GetEnvironmentVariable("NODEAGENT_TEST_LOAD_TABLE")!;
        File.AppendAllText(path, $"{(_rows == 1 ? "| what | measured |\n| --- | --- |\n" : "")}| {what} | {value} |\n");
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {value}");
    }

    private static int Number(string name) => int.Parse(Environment.GetEnvironmentVariable("NODEAGENT_TEST_LOAD_" + name)!, CultureInfo.InvariantCulture);

    private static string Namespace(int number) => $"load-{number}";

    private async Task AddPodsAsync(int count)
    {
        await _node.CreateNamespaceAsync("load-pods");
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation }, async (i, token) =>
        {
            var pod = (JsonObject)JsonNode.Parse($$"""
                {"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-{{i}}","namespace":"load-pods","annotations":{"backup.velero.io/backup-volumes":"data"} },
                 "spec":{"automountServiceAccountToken":false,"enableServiceLinks":false,"terminationGracePeriodSeconds":1,
                  "containers":[{"name":"c","image":"{{_node.Settings.Busybox}}","imagePullPolicy":"IfNotPresent",
                   "command":["sh","-c","head -c 1000000 /dev/urandom > /data/file; for i in 1 2 3 4 5 6 7 8 9; do echo $i > /data/small-$i; done; exec sleep 1000000"],
                   "volumeMounts":[{"name":"data","mountPath":"/data"}]}],
                  "volumes":[{"name":"data","emptyDir":{} }]} }
                """)!;
            await _node.Api.CreateAsync(KubernetesResources.Pods, "load-pods", new KubernetesObject(pod), token);
        });
        await WaitAsync("all pods run", async () =>
            (await _node.ListAsync(KubernetesResources.Pods, "load-pods")).Count(p => (string?)p["status"]?["phase"] == "Running") == count);
    }

    private async Task AddObjectsAsync(int count)
    {
        for (var i = 0; i * PerNamespace < count || i < Number("SCHEDULES"); i++) await _node.CreateNamespaceAsync(Namespace(i));
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = Cancellation }, async (i, token) =>
        {
            var ns = Namespace(i / PerNamespace);
            var kind = i % 2 == 0 ? KubernetesResources.ConfigMaps : KubernetesResources.Secrets;
            var item = new KubernetesObject(kind, ns, $"object-{i}");
            item.Json["metadata"]!["labels"] = new JsonObject { ["app"] = "load", ["number"] = $"n{i}" };
            item.Json[i % 2 == 0 ? "data" : "stringData"] = new JsonObject { ["text"] = string.Create(CultureInfo.InvariantCulture, $"{i} {new string('x', 1000)}") };
            await _node.Api.CreateAsync(kind, ns, item, token);
        });
    }

    private async Task BackUpAsync(string name)
    {
        await _node.RunAsync("backup", "create", name, "--ttl", "1h");
        var backup = await _node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed, Limit);
        var volumes = await _node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name);
        Assert.Equal(Number("PODS"), volumes.Count(v => (string?)v["spec"]!["pod"]!["namespace"] == "load-pods" && (string?)v["status"]?["phase"] == PodVolumePhase.Completed));
        var items = (int)backup["status"]!["progress"]!["itemsBackedUp"]!;
        Assert.True(items > Number("OBJECTS"), $"{items} items");
        Add($"{name}: items in it", items.ToString(CultureInfo.InvariantCulture));
    }

    private async Task WaitAsync(string what, Func<Task<bool>> done)
    {
        var watch = Stopwatch.StartNew();
        while (!await done())
        {
            if (watch.Elapsed > Limit) await _node.FailAsync($"{what}: not within {Limit.TotalSeconds} s");
            await Task.Delay(1000, Cancellation);
        }
    }

    /// <summary>A step, with its seconds, the requests that the API server answered meanwhile, and the most memory that pods of the system had since they began.</summary>
    private async Task MeasureAsync(string what, Func<Task> step)
    {
        var before = await RequestsAsync();
        var watch = Stopwatch.StartNew();
        await step();
        Add(what, string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds:0} s"));
        var after = await RequestsAsync();
        // Everybody's: the test's own, the kubelet's and the other controllers' too.
        var counts = after.Select(a => (a.Key, Count: a.Value - before.GetValueOrDefault(a.Key))).Where(c => c.Count > 0).OrderByDescending(c => c.Count).ToList();
        Add($"- requests to the API server, everybody's: {counts.Sum(c => c.Count):0}", string.Join(", ", counts.Take(8).Select(c => $"{c.Key}: {c.Count:0}")));
        foreach (var (pod, peak) in await PeaksAsync()) Add($"- most memory so far: {pod}", peak);
    }

    private async Task<Dictionary<string, double>> RequestsAsync()
    {
        var counts = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var line in (await _node.KubectlAsync("get", "--raw", "/metrics")).Split('\n'))
        {
            if (!line.StartsWith("apiserver_request_total{", StringComparison.Ordinal)) continue;
            var labels = Label().Matches(line).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value, StringComparer.Ordinal);
            var key = $"{labels.GetValueOrDefault("verb")} {labels.GetValueOrDefault("resource")}{(labels.GetValueOrDefault("subresource") is { Length: > 0 } sub ? "/" + sub : "")}";
            counts[key] = counts.GetValueOrDefault(key) + double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
        }

        return counts;
    }

    /// <summary>The kernel's own count of each pod, as its container sees it.</summary>
    private async Task<IReadOnlyList<(string Pod, string Peak)>> PeaksAsync()
    {
        var found = new List<(string, string)>();
        foreach (var pod in await _node.ListAsync(KubernetesResources.Pods, RealNode.System))
        {
            var name = (string)pod["metadata"]!["name"]!;
            var uid = (string)pod["metadata"]!["uid"]!;
            // The pod's group: its name has the uid, with underscores where systemd made it.
            var script = $"for d in $(find /sys/fs/cgroup -type d \\( -name '*{uid}*' -o -name '*{uid.Replace('-', '_')}*' \\)); do for f in memory.peak memory.max_usage_in_bytes; do [ ! -e $d/$f ] || cat $d/$f; done; done";
            var output = await _node.ScriptAsync(["exec"], "--", "sh", "-c", script);
            var peaks = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(l => long.TryParse(l, CultureInfo.InvariantCulture, out var number) ? number : 0).ToList();
            var container = pod["spec"]!["containers"]!.AsArray().Single()!["resources"]?["limits"]?["memory"]?.ToString() ?? "no";
            found.Add((name, peaks.Count == 0 ? "not known" : string.Create(CultureInfo.InvariantCulture, $"{peaks.Max() / MiB} MiB of {container}")));
        }

        return found;
    }

    [GeneratedRegex("""(\w+)="([^"]*)",?""")]
    private static partial Regex Label();
}
