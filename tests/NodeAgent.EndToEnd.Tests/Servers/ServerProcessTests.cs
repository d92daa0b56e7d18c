using System.Diagnostics;
using System.Text;
using NodeAgent.DevCluster;
using NodeAgent.EndToEnd.Tests.Processes;

namespace NodeAgent.EndToEnd.Tests.Servers;

/// <summary>The two servers as processes: what they serve, how they end, and what they say when they cannot start.</summary>
public sealed class ServerProcessTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("server-test-").FullName;
    private EmbeddedCluster? _cluster;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = Path.Combine(_directory, "cluster") }, Cancellation);
        _cluster.Create("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"velero"}}""");
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster!.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("podVolume_pod_volume_backup_enqueue_count{node=\"node-1\"} 0", "agent", "--node-name", "node-1", "--host-pods", "/")]
    [InlineData("podVolume_pod_volume_backup_enqueue_count{node=\"node-1\"} 0", "node-agent", "server", "--node-name", "node-1", "--host-pods", "/")]
    [InlineData("velero_backup_attempt_total{schedule=\"\"} 0", "controller", "--leader-election=false")]
    [InlineData("velero_backup_attempt_total{schedule=\"\"} 0", "server")]
    public async Task A_server_serves_its_metrics_and_probes_and_ends_on_SIGTERM(string metric, params string[] arguments)
    {
        using var process = Start([.. arguments, "--kubeconfig", _cluster!.KubeconfigPath, "--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"]);
        try
        {
            var metrics = await FindAsync(process, "Metrics at ");
            var probes = await FindAsync(process, "Probes at ");
            var rest = process.StandardError.ReadToEndAsync(Cancellation);
            using var http = new HttpClient();
            var text = "";
            for (var i = 0; i < 200 && !text.Contains(metric, StringComparison.Ordinal); i++)
            {
                text = await http.GetStringAsync(metrics, Cancellation);
                await Task.Delay(50, Cancellation);
            }

            Assert.Contains(metric, text, StringComparison.Ordinal);
            Assert.True((await http.GetAsync(new Uri(probes, "livez"), Cancellation)).IsSuccessStatusCode);
            using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync(Cancellation);
            await process.WaitForExitAsync(Cancellation).WaitAsync(Limit, Cancellation);
            Assert.True(process.ExitCode == 0, await rest);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [Theory]
    [InlineData("error: node-name: the name of the node that this runs on is missing", "agent", "--host-pods", "/")]
    [InlineData("error: host-pods: /not/there does not exist", "agent", "--node-name", "n", "--host-pods", "/not/there")]
    [InlineData("error: listen address \"8085\": the port is missing", "agent", "--node-name", "n", "--host-pods", "/", "--metrics-address", "8085")]
    [InlineData("error: concurrency: must be at least 1", "agent", "--node-name", "n", "--host-pods", "/", "--concurrency", "0")]
    public async Task What_a_server_cannot_start_with_is_told_in_one_line(string error, params string[] arguments)
    {
        using var process = Start([.. arguments, "--kubeconfig", _cluster!.KubeconfigPath]);
        try
        {
            var said = await process.StandardError.ReadToEndAsync(Cancellation).WaitAsync(Limit, Cancellation);
            await process.WaitForExitAsync(Cancellation).WaitAsync(Limit, Cancellation);
            Assert.StartsWith(error, said, StringComparison.Ordinal);
            Assert.Single(said.Trim().Split('\n'));
            Assert.Equal(2, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(NodeAgentProgram.Command[0], NodeAgentProgram.After(arguments)) { RedirectStandardError = true, StandardErrorEncoding = Encoding.UTF8 };
        foreach (var name in start.Environment.Keys.Where(n => n.StartsWith("NODEAGENT_", StringComparison.Ordinal) || n is "NODE_NAME" or "KUBECONFIG").ToArray()) start.Environment.Remove(name);
        return Process.Start(start)!;
    }

    /// <summary>The address that the log names behind some words.</summary>
    private static async Task<Uri> FindAsync(Process process, string words)
    {
        var seen = new StringBuilder();
        while (await process.StandardError.ReadLineAsync(Cancellation).AsTask().WaitAsync(Limit, Cancellation) is { } line)
        {
            seen.AppendLine(line);
            if (line.IndexOf(words, StringComparison.Ordinal) is >= 0 and var at) return new Uri(line[(at + words.Length)..].Split(' ', '"')[0]);
        }

        throw new InvalidOperationException($"the server ended before it said \"{words}\":\n{seen}");
    }
}
