using System.Diagnostics;

namespace NodeAgent.DevCluster.Demo;

/// <summary>
/// A real <c>nodeagent</c> process: the controller or the agent in the background, or one command that is waited for.
/// Disposing ends it by its id and waits until it is gone.
/// </summary>
internal sealed class NodeAgentProcess : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _log;
    private readonly Task _copy;

    private NodeAgentProcess(Process process, string log)
    {
        _process = process;
        _log = log;
        _copy = CopyOutputAsync(process, log);
    }

    /// <summary>Where the executable of this build lies: beside this one where both were copied to, else in the project that builds it.</summary>
    public static string Locate()
    {
        if (Path.Combine(AppContext.BaseDirectory, "nodeagent.dll") is var beside && File.Exists(beside)) return beside;
        // .../NodeAgent.DevCluster/bin/<configuration>/<framework>/
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var framework = here.Name;
        var configuration = here.Parent!.Name;
        var path = Path.Combine(here.Parent.Parent!.Parent!.Parent!.FullName, "NodeAgent.Cli", "bin", configuration, framework, "nodeagent.dll");
        return File.Exists(path)
            ? path
            : throw new DemoException($"the nodeagent executable is not at {path}: build the solution first (dotnet build -c {configuration})");
    }

    /// <summary>Starts a process whose output goes to a log file.</summary>
    public static NodeAgentProcess Start(string executable, string log, params string[] arguments) =>
        new(Process.Start(StartInfo(executable, arguments))!, log);

    /// <summary>Runs one command to its end and shows what it printed, indented.</summary>
    /// <exception cref="DemoException">It exited with another code than 0.</exception>
    public static async Task RunAsync(string executable, string kubeconfig, CancellationToken cancellationToken, params string[] arguments)
    {
        Console.WriteLine($"  $ nodeagent {string.Join(' ', arguments)}");
        using var process = Process.Start(StartInfo(executable, [.. arguments, "--kubeconfig", kubeconfig]))!;
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
                if (line.Length > 0) Console.WriteLine($"    {line}");
            var said = (await errors).Trim();
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0) throw new DemoException($"nodeagent {arguments[0]} exited with {process.ExitCode}: {said}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The end of the log, for a demo that failed.</summary>
    public string LogTail() => File.Exists(_log) ? string.Join('\n', File.ReadLines(_log).TakeLast(20)) : "";

    public bool HasExited => _process.HasExited;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            const int terminate = 15; // SIGTERM, as a kubelet would
            _ = LibC.Kill(_process.Id, terminate);
            using var limit = new CancellationTokenSource(Grace);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        await _copy;
        _process.Dispose();
    }

    private static ProcessStartInfo StartInfo(string executable, string[] arguments) =>
        new("dotnet", [executable, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };

    private static async Task CopyOutputAsync(Process process, string log)
    {
        await using var file = new StreamWriter(log) { AutoFlush = true };
        var gate = new SemaphoreSlim(1);
        await Task.WhenAll(CopyAsync(process.StandardOutput), CopyAsync(process.StandardError));
        gate.Dispose();

        async Task CopyAsync(StreamReader from)
        {
            while (await from.ReadLineAsync() is { } line)
            {
                await gate.WaitAsync();
                try
                {
                    await file.WriteLineAsync(line);
                }
                finally
                {
                    gate.Release();
                }
            }
        }
    }
}
