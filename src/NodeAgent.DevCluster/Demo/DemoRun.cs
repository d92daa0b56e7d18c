using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Demo;

/// <summary>
/// The whole story on one machine:
/// 1. a cluster, the controller and the agent start;
/// 2. a pod gets a volume with a real tree in it;
/// 3. the volume is backed up;
/// 4. some files change, and it is backed up again;
/// 5. the namespace and the volume are deleted;
/// 6. a Restore brings them back;
/// 7. every file is compared with what it was.
/// </summary>
internal sealed class DemoRun(DemoOptions options, string directory)
{
    private const string System = "velero";
    private const string Shop = "shop";
    private const string Volume = "data";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly string _executable = NodeAgentProcess.Locate();
    private readonly DemoReport _report = new();

    /// <summary>Runs the story. Returns how many differences the comparison found.</summary>
    public async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        // 1. a cluster, the controller and the agent start
        Say("Starting the embedded cluster, the controller and the agent");
        await using var cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = Path.Combine(directory, "cluster"), Nodes = ["node-1"] }, cancellationToken);
        using var api = new DemoApi(cluster.Address);
        await api.CreateAsync("/api/v1/namespaces", $$$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{{System}}}"}}""", cancellationToken);
        var location = Directory.CreateDirectory(Path.Combine(directory, "location")).FullName;
        await using var controller = NodeAgentProcess.Start(_executable, Path.Combine(directory, "controller.log"),
            "controller", "--kubeconfig", cluster.KubeconfigPath, "--namespace", System, "--metrics-address", "127.0.0.1:0");
        await using var agent = NodeAgentProcess.Start(_executable, Path.Combine(directory, "agent.log"),
            "agent", "--kubeconfig", cluster.KubeconfigPath, "--namespace", System, "--node-name", "node-1",
            "--host-pods", cluster.KubeletPodsDirectory("node-1"), "--metrics-address", "127.0.0.1:0");
        try
        {
            return await TellAsync(cluster, api, location, cancellationToken);
        }
        catch (DemoException failure)
        {
            throw new DemoException($"{failure.Message}\n--- controller log, end:\n{controller.LogTail()}\n--- agent log, end:\n{agent.LogTail()}");
        }
    }

    private async Task<int> TellAsync(EmbeddedCluster cluster, DemoApi api, string location, CancellationToken cancellationToken)
    {
        var kubeconfig = cluster.KubeconfigPath;
        await NodeAgentProcess.RunAsync(_executable, kubeconfig, cancellationToken,
            "backup-location", "create", "default", "--provider", "filesystem", "--config", $"path={location}", "--default");
        await api.WaitAsync($"/apis/velero.io/v1/namespaces/{System}/backupstoragelocations/default", "the backup location's phase Available",
            StartLimit, l => (string?)l?["status"]?["phase"] == "Available", cancellationToken);

        // 2. a pod gets a volume with a real tree in it
        Say($"Namespace {Shop}: a pod whose volume \"{Volume}\" is annotated for backup and holds a copy of {options.Source}");
        await api.CreateAsync("/api/v1/namespaces", $$$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{{Shop}}}"}}""", cancellationToken);
        await api.CreateAsync($"/api/v1/namespaces/{Shop}/pods", $$$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","labels":{"app":"web"},"annotations":{"backup.velero.io/backup-volumes":"{{{Volume}}}"}},
             "spec":{"containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"{{{Volume}}}","mountPath":"/data"}]}],
                     "volumes":[{"name":"{{{Volume}}}","emptyDir":{}}]}}
            """, cancellationToken);
        var volume = await VolumeDirectoryAsync(cluster, api, cancellationToken);
        await DemoSource.CopyAsync(options.Source, volume, cancellationToken);
        DemoSource.MakeCorner(volume);

        // 3. the volume is backed up
        await BackUpAsync("first", "first backup", kubeconfig, volume, location, api, cancellationToken);

        // 4. some files change, and it is backed up again
        var changed = DemoSource.Change(volume);
        Say($"{changed} files changed, added, renamed or removed");
        var before = await BackUpAsync("second", "second backup", kubeconfig, volume, location, api, cancellationToken);

        // 5. the namespace and the volume are deleted
        Say($"The disaster: namespace {Shop} and its volume are deleted");
        await api.DeleteAsync($"/api/v1/namespaces/{Shop}", cancellationToken);
        await api.WaitAsync($"/api/v1/namespaces/{Shop}", $"the end of namespace {Shop}", TimeSpan.FromMinutes(2), n => n is null, cancellationToken);
        if (Directory.Exists(volume)) throw new DemoException($"the volume directory {volume} outlived its pod");

        // 6. a Restore brings them back
        Say("The restore");
        var watch = Stopwatch.StartNew();
        await NodeAgentProcess.RunAsync(_executable, kubeconfig, cancellationToken, "restore", "create", "back", "--from-backup", "second", "--wait");
        var took = watch.Elapsed;
        await RequirePhaseAsync(api, "restores", "back", cancellationToken);
        var restored = await VolumeDirectoryAsync(cluster, api, cancellationToken);

        // 7. every file is compared with what it was
        Say("Comparing every file: content, name, type, mode, owner, time, links, attributes, holes");
        var after = TreeFingerprint.Take(restored);
        _report.Add("restore", after, null, null, took);
        var differences = before.DifferencesTo(after).ToList();
        foreach (var difference in differences.Take(20)) Console.WriteLine($"  DIFFERS {difference}");
        if (differences.Count > 20) Console.WriteLine($"  ... and {differences.Count - 20} more");
        Console.WriteLine();
        _report.Print();
        Console.WriteLine(differences.Count == 0
            ? string.Create(CultureInfo.InvariantCulture, $"All {before.Entries:N0} entries came back as they were.")
            : $"{differences.Count} differences: the restore is not what was backed up.");
        if (options.Keep) await KeepAsync(kubeconfig, cancellationToken);
        return differences.Count;
    }

    private async Task<TreeFingerprint> BackUpAsync(string name, string title, string kubeconfig, string volume, string location, DemoApi api, CancellationToken cancellationToken)
    {
        Say(title[..1].ToUpperInvariant() + title[1..]);
        var tree = TreeFingerprint.Take(volume);
        var sizeBefore = SizeOf(location);
        var watch = Stopwatch.StartNew();
        await NodeAgentProcess.RunAsync(_executable, kubeconfig, cancellationToken, "backup", "create", name, "--include-namespaces", Shop, "--wait");
        var took = watch.Elapsed;
        await RequirePhaseAsync(api, "backups", name, cancellationToken);
        var volumes = await api.GetAsync($"/apis/velero.io/v1/namespaces/{System}/podvolumebackups?labelSelector=velero.io/backup-name={name}", cancellationToken);
        var items = volumes!["items"]!.AsArray();
        if (items.Count != 1) throw new DemoException($"backup {name} has {items.Count} PodVolumeBackups, not 1: the annotation was not honoured");
        _report.Add(title, tree, (long?)items[0]!["status"]?["incrementalBytes"] ?? 0, SizeOf(location) - sizeBefore, took);
        return tree;
    }

    private static async Task RequirePhaseAsync(DemoApi api, string kind, string name, CancellationToken cancellationToken)
    {
        var item = await api.GetAsync($"/apis/velero.io/v1/namespaces/{System}/{kind}/{name}", cancellationToken);
        if ((string?)item?["status"]?["phase"] != "Completed")
            throw new DemoException($"{kind[..^1]} {name} did not end as Completed: {item?["status"]?.ToJsonString()}");
    }

    private static async Task<string> VolumeDirectoryAsync(EmbeddedCluster cluster, DemoApi api, CancellationToken cancellationToken)
    {
        var pod = await api.WaitAsync($"/api/v1/namespaces/{Shop}/pods/web", "pod web Running", StartLimit,
            p => (string?)p?["status"]?["phase"] == "Running", cancellationToken);
        var uid = (string)pod!["metadata"]!["uid"]!;
        return Path.Combine(cluster.KubeletPodsDirectory("node-1"), uid, "volumes", "kubernetes.io~empty-dir", Volume);
    }

    private static async Task KeepAsync(string kubeconfig, CancellationToken cancellationToken)
    {
        Console.WriteLine($"""

            The cluster goes on until Ctrl-C. In another terminal:
              export KUBECONFIG={kubeconfig}
              kubectl get backups,podvolumebackups,restores -n {System}
              kubectl describe backup second -n {System}
              kubectl get pods -n {Shop}
            """);
        try
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("Stopping.");
        }
    }

    private static long SizeOf(string path) =>
        new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);

    private static void Say(string what) => Console.WriteLine($"\n{what}");
}
