using System.Diagnostics;
using System.Text;

namespace NodeAgent.EndToEnd.Tests.Processes;

/// <summary>Runs the real executable to its end, with none of the test machine's settings.</summary>
internal static class NodeAgentCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    /// <summary>Returns what it wrote to standard output; fails the test with everything it wrote unless it exits with 0.</summary>
    public static Task<string> RunAsync(params string[] arguments) => RunAsync(null, arguments);

    /// <param name="environment">Variables beside those that any process has; of AWS it then has these only. Null leaves those of the test.</param>
    /// <param name="arguments">The command.</param>
    /// <inheritdoc cref="RunAsync(string[])"/>
    public static async Task<string> RunAsync(IReadOnlyDictionary<string, string>? environment, string[] arguments)
    {
        var start = new ProcessStartInfo(NodeAgentProgram.Command[0], NodeAgentProgram.After(arguments))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("NODEAGENT_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        if (environment is not null)
        {
            foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("AWS_", StringComparison.Ordinal)).ToArray()) start.Environment.Remove(name);
            foreach (var (name, value) in environment) start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"nodeagent {string.Join(' ', arguments)} did not end within {Limit.TotalSeconds} s\n{await error}");
        }

        Assert.True(process.ExitCode == 0, $"nodeagent {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{await output}\n{await error}");
        return await output;
    }
}
