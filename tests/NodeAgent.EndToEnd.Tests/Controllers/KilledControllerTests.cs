using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Controllers;

/// <summary>Controllers as processes, killed at moments of a backup that the API server sees, and what the next ones make of it.</summary>
public sealed class KilledControllerTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly string _directory = Directory.CreateTempSubdirectory("killed-controller-").FullName;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _held = [];
    private TestApiServer _api = null!;
    private Process? _controller;
    private StringBuilder _said = new();
    private Task _agent = Task.CompletedTask;

    private string Location => Path.Combine(_directory, "location");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Location);
        _api = await TestApiServer.StartAsync();
        _api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"},"status":{"phase":"Active"}}""");
        _api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"},"status":{"phase":"Active"}}""");
        _api.Add(VeleroResources.BackupStorageLocations, $$"""{"metadata":{"name":"default","namespace":"velero"},"spec":{"provider":"filesystem","default":true,"config":{"path":"{{Location}}"},"objectStorage":{"bucket":""} } }""");
        _api.Add(KubernetesResources.Pods, """{"metadata":{"name":"agent","namespace":"velero","labels":{"name":"node-agent"}},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}""");
        _api.Add(KubernetesResources.Pods, """
            {"metadata":{"name":"web","namespace":"shop","annotations":{"backup.velero.io/backup-volumes":"scratch"}},
             "spec":{"nodeName":"n1","containers":[{"name":"web","volumeMounts":[{"name":"scratch","mountPath":"/s"}]}],"volumes":[{"name":"scratch","emptyDir":{}}]},
             "status":{"phase":"Running"}}
            """);
        await File.WriteAllTextAsync(Path.Combine(_directory, "kubeconfig"), $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            contexts: [{name: test, context: {cluster: test, user: test} }]
            clusters: [{name: test, cluster: {server: "{{_api.Address}}"} }]
            users: [{name: test, user: {} }]
            """);
        _agent = PlayAgentAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _stop.CancelAsync();
        await _agent;
        await _api.DisposeAsync();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_backup_whose_controller_is_killed_in_any_phase_ends_and_no_volume_of_it_goes_on()
    {
        await StartAsync();
        Begin("keep");
        await EndAsync("keep");
        var kept = Snapshot("keep");
        KillNow();

        (string Name, Func<string, HttpRequest, bool> Moment, bool HoldsVolume, string Phase)[] deaths =
        [
            ("new", (b, r) => IsPatch(r, b), false, BackupPhase.Completed),
            ("prepared", (b, r) => IsPatch(r, b, "/status"), false, BackupPhase.Completed),
            ("listing", (b, r) => Phase(b) == BackupPhase.InProgress && r.Path.Value!.EndsWith("/shop/pods", StringComparison.Ordinal), false, BackupPhase.Failed),
            ("requesting", (b, r) => Phase(b) == BackupPhase.InProgress && r.Method == "POST" && r.Path.Value!.EndsWith("/podvolumebackups", StringComparison.Ordinal), true, BackupPhase.Failed),
            ("requested", (b, _) => Phase(b) == BackupPhase.InProgress && Volume(b) is not null, true, BackupPhase.Failed),
            ("waiting", (b, r) => Volume(b).Text("status", "phase") == PodVolumePhase.InProgress && r.Method == "GET" && r.Path.Value!.EndsWith("/podvolumebackups", StringComparison.Ordinal), true, BackupPhase.Failed),
            ("waited", (b, r) => Volume(b).Text("status", "phase") == PodVolumePhase.Completed && IsPatch(r, b, "/status"), false, BackupPhase.Failed),
            ("finalizing", (b, r) => Phase(b) == BackupPhase.Finalizing && Stored(b) is null, false, BackupPhase.Failed),
            ("storing", (b, r) => Phase(b) == BackupPhase.Finalizing && Stored(b) == BackupPhase.Finalizing, false, BackupPhase.Failed),
            ("stored", (b, r) => Phase(b) == BackupPhase.Finalizing && Stored(b) == BackupPhase.Completed, false, BackupPhase.Completed),
        ];
        foreach (var (name, moment, holdsVolume, phase) in deaths)
        {
            if (holdsVolume) lock (_gate) _held.Add(name);
            Begin(name);
            await DieAsync(request => moment(name, request), name);
            await StartAsync();
            var backup = await EndAsync(name);
            Assert.True(phase == backup.Text("status", "phase"), $"{name}: {backup.ToJsonString()}\n{Said()}");
            if (phase == BackupPhase.Failed)
            {
                Assert.Contains("the controller stopped while the backup was", backup.Text("status", "failureReason"), StringComparison.Ordinal);
                Assert.Null(Stored(name));
            }
            else
            {
                Assert.Equal(BackupPhase.Completed, Stored(name));
            }

            KillNow();
        }

        // A deletion is ended as well, whichever backup it is of.
        _api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"stored"}}""");
        await DieAsync(_ => Phase("stored") == BackupPhase.Deleting, "deleting");
        Assert.NotNull(_api.Find(VeleroResources.Backups, "velero", "stored"));
        await StartAsync();
        await UntilAsync(() => _api.Find(VeleroResources.Backups, "velero", "stored") is null && _api.Find(VeleroResources.DeleteBackupRequests, "velero", "d") is null, "the deletion");
        Assert.False(Directory.Exists(Path.Combine(Location, "backups/stored")));

        await UntilAsync(() => _api.All(VeleroResources.PodVolumeBackups).All(PodVolumeWork.IsFinal), "the end of all volumes");
        Assert.All(_api.All(VeleroResources.Backups), b => Assert.Contains(b.Text("status", "phase"), new[] { BackupPhase.Completed, BackupPhase.Failed }));
        Assert.Equal(kept, Snapshot("keep"));
    }

    private static bool IsPatch(HttpRequest request, string backup, string rest = "") => request.Method == "PATCH" && request.Path.Value!.EndsWith($"/backups/{backup}{rest}", StringComparison.Ordinal);

    private void Begin(string name) => _api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{"includedNamespaces":["shop"]} }""");

    private string? Phase(string backup) => _api.Find(VeleroResources.Backups, "velero", backup).Text("status", "phase");

    private JsonObject? Volume(string backup) => _api.All(VeleroResources.PodVolumeBackups).FirstOrDefault(v => v.Label(VeleroLabels.BackupName) == backup);

    /// <summary>The phase that the bucket gives a backup; null when there is none.</summary>
    private string? Stored(string backup)
    {
        var file = Path.Combine(Location, "backups", backup, "velero-backup.json");
        return File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file)).Text("status", "phase") : null;
    }

    private List<string> Snapshot(string backup) =>
        [.. Directory.GetFiles(Path.Combine(Location, "backups", backup)).Order(StringComparer.Ordinal).Select(f => $"{Path.GetFileName(f)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))}")];

    /// <summary>Starts a controller that is killed by the first request of the kind, which is not carried out.</summary>
    private async Task DieAsync(Func<HttpRequest, bool> isMoment, string name)
    {
        var dead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _api.Interfere = request =>
        {
            if (request.Query["watch"] == "true" || (!dead.Task.IsCompleted && !isMoment(request))) return null;
            Kill();
            dead.TrySetResult();
            return (HttpStatusCode.ServiceUnavailable, "ServiceUnavailable");
        };
        await StartAsync();
        await dead.Task.WaitAsync(Limit, TestContext.Current.CancellationToken).ContinueWith(t => Assert.True(t.IsCompletedSuccessfully, $"{name}: the moment did not come\n{Said()}"), TaskScheduler.Default);
        await _controller!.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
        _api.Interfere = null;
    }

    private async Task<JsonObject> EndAsync(string backup)
    {
        await UntilAsync(() => Phase(backup) is BackupPhase.Completed or BackupPhase.PartiallyFailed or BackupPhase.Failed or BackupPhase.FailedValidation, $"the end of backup {backup}");
        return _api.Find(VeleroResources.Backups, "velero", backup)!;
    }

    private async Task UntilAsync(Func<bool> condition, string what)
    {
        var deadline = DateTime.UtcNow + Limit;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, $"{what} did not come\n{Said()}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    private Task StartAsync()
    {
        var start = new ProcessStartInfo(NodeAgentProgram.Command[0], NodeAgentProgram.After("controller", "--leader-election=false", "--namespace", "velero", "--kubeconfig", Path.Combine(_directory, "kubeconfig"), "--work-directory", _directory))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var name in start.Environment.Keys.Where(n => n.StartsWith("NODEAGENT_", StringComparison.Ordinal) || n is "KUBECONFIG").ToArray()) start.Environment.Remove(name);
        lock (_gate)
        {
            var said = _said = new StringBuilder();
            var process = Process.Start(start)!;
            process.ErrorDataReceived += (_, line) =>
            {
                lock (said) said.AppendLine(line.Data);
            };
            process.OutputDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            process.BeginOutputReadLine();
            _controller = process;
        }

        return Task.CompletedTask;
    }

    private string Said()
    {
        lock (_said) return _said.ToString();
    }

    /// <summary>Ends the process as a node that loses its power would.</summary>
    private void Kill()
    {
        lock (_gate)
        {
            if (_controller is { HasExited: false } process) process.Kill();
        }
    }

    private void KillNow()
    {
        Kill();
        _controller!.WaitForExit(Limit);
    }

    /// <summary>Carries out the work of agents; what is held goes on until it is cancelled.</summary>
    private async Task PlayAgentAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            foreach (var work in _api.All(VeleroResources.PodVolumeBackups).Where(w => !PodVolumeWork.IsFinal(w)))
            {
                bool isHeld;
                lock (_gate) isHeld = _held.Contains(work.Label(VeleroLabels.BackupName)!);
                var phase = work.IsTrue("spec", "cancel") ? PodVolumePhase.Canceled : isHeld ? PodVolumePhase.InProgress : PodVolumePhase.Completed;
                if (work.Text("status", "phase") != phase) _api.Patch(VeleroResources.PodVolumeBackups, "velero", work.Name(), $$$"""{"status":{"phase":"{{{phase}}}","snapshotID":"s"} }""");
            }

            await Task.Delay(20, _stop.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }
}
