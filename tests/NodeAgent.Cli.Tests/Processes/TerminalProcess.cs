using System.Diagnostics;
using System.Text;

namespace NodeAgent.Cli.Tests.Processes;

/// <summary>nodeagent on a terminal of its own, made by script(1), at which a test types.</summary>
internal sealed class TerminalProcess : IDisposable
{
    public const string ControlC = "\u0003";
    public const string ControlZ = "\u001a";
    public const string Enter = "\r";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _shown = new();

    private TerminalProcess(Process process) => _process = process;

    /// <summary>What has been shown so far, with both streams in one, as on any terminal.</summary>
    public string Shown => _shown.ToString().ReplaceLineEndings("\n");

    /// <summary>Starts it, or skips the test where there is no script(1). No argument may have a quote in it.</summary>
    public static TerminalProcess StartOrSkip(params string[] arguments) => StartCommandOrSkip($"exec {CommandOf(arguments)}");

    /// <summary>Starts it as a job of a shell, which goes on with other commands when it is stopped.</summary>
    public static TerminalProcess StartJobOrSkip(string then, params string[] arguments) =>
        StartCommandOrSkip($"exec bash -mc \"{CommandOf(arguments)}; {then.Replace("$", "\\$", StringComparison.Ordinal)}\"");

    // Tests that were started in the background ignore Ctrl-C, and so would what they start.
    private static string CommandOf(string[] arguments) =>
        $"env --default-signal=INT,TSTP,TTOU {string.Join(' ', NodeAgentProcess.Command.Concat(arguments).Select(argument => $"'{argument}'"))}";

    private static TerminalProcess StartCommandOrSkip(string command)
    {
        var start = new ProcessStartInfo("script", ["-qec", command, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("NODEAGENT_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["TERM"] = "dumb";
        start.Environment["SHELL"] = "/bin/sh";
        try
        {
            return new TerminalProcess(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("there is no script(1): apt-get install bsdutils");
            throw;
        }
    }

    /// <summary>Waits until a text is shown that was not before.</summary>
    public async Task WaitForAsync(string text)
    {
        var from = _shown.Length;
        while (!_shown.ToString(from, _shown.Length - from).Contains(text, StringComparison.Ordinal))
            Assert.True(await ReadAsync(), $"\"{text}\" was not shown:\n{Shown}");
    }

    public Task TypeAsync(string keys)
    {
        _process.StandardInput.Write(keys);
        return _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits for its end and returns the exit code.</summary>
    public async Task<int> EndAsync()
    {
        while (await ReadAsync())
        {
        }

        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        // Its terminal goes with it, and what runs on that with SIGHUP.
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private async Task<bool> ReadAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        var buffer = new char[1024];
        try
        {
            var length = await _process.StandardOutput.ReadAsync(buffer, limit.Token);
            _shown.Append(buffer, 0, length);
            return length > 0;
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"nothing more was shown within {Limit.TotalSeconds} s after:\n{Shown}");
            return false;
        }
    }
}
