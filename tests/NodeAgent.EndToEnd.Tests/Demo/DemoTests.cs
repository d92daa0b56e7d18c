using System.Diagnostics;
using System.Text.RegularExpressions;

namespace NodeAgent.EndToEnd.Tests.Demo;

/// <summary>The demo as a user starts it: the whole product in real processes.</summary>
public sealed partial class DemoTests : IDisposable
{
    private static readonly string Executable = Path.Combine(AppContext.BaseDirectory, "NodeAgent.DevCluster.dll");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly string _source = Directory.CreateTempSubdirectory("demo-source-").FullName;

    public DemoTests()
    {
        for (var i = 0; i < 40; i++)
        {
            Directory.CreateDirectory(Path.Combine(_source, $"d{i % 4}"));
            File.WriteAllText(Path.Combine(_source, $"d{i % 4}", $"f{i}"), string.Join('\n', Enumerable.Range(0, 50 * i)));
        }
    }

    public void Dispose() => Directory.Delete(_source, recursive: true);

    [Fact]
    public async Task The_demo_brings_everything_back_and_leaves_nothing_behind()
    {
        var (code, output) = await RunAsync(null, "demo", "--source", _source);

        Assert.True(code == 0, output);
        Assert.Contains("entries came back as they were", output, StringComparison.Ordinal);
        foreach (var row in new[] { "first backup", "second backup", "restore" }) Assert.Contains($"│ {row}", output, StringComparison.Ordinal);
        AssertNothingLeft(output);
    }

    [Fact]
    public async Task An_interrupted_demo_leaves_nothing_behind()
    {
        var (code, output) = await RunAsync("First backup", "demo", "--source", _source);

        Assert.True(code == 130, output);
        AssertNothingLeft(output);
    }

    [Fact]
    public async Task A_source_that_is_not_there_is_told_in_one_line()
    {
        var (code, output) = await RunAsync(null, "demo", "--source", "/not/there");

        Assert.Equal(1, code);
        Assert.Equal("error: --source /not/there: no such directory", output.Trim());
    }

    private static void AssertNothingLeft(string output)
    {
        var directory = DemoDirectory().Match(output);
        Assert.True(directory.Success, output);
        Assert.False(Directory.Exists(directory.Value), $"{directory.Value} is left");
        Assert.DoesNotContain(directory.Value, File.ReadAllText("/proc/self/mounts"), StringComparison.Ordinal);
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(d => int.TryParse(Path.GetFileName(d), out _)))
        {
            string arguments;
            try
            {
                arguments = File.ReadAllText(Path.Combine(process, "cmdline"));
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }

            Assert.DoesNotContain(directory.Value, arguments, StringComparison.Ordinal);
        }
    }

    /// <param name="interruptAt">Ctrl-C is sent when this line appears; null never.</param>
    private static async Task<(int Code, string Output)> RunAsync(string? interruptAt, params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        // Tests that were started in the background ignore Ctrl-C, and so would what they start.
        using var process = Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Executable, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellation);
            var lines = new List<string>();
            while (await process.StandardOutput.ReadLineAsync(cancellation).AsTask().WaitAsync(Limit, cancellation) is { } line)
            {
                lines.Add(line);
                if (line != interruptAt) continue;
                using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
                await kill.WaitForExitAsync(cancellation);
            }

            var said = await errors;
            await process.WaitForExitAsync(cancellation).WaitAsync(Limit, cancellation);
            return (process.ExitCode, string.Join('\n', lines) + said);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    [GeneratedRegex(@"/[^ ]*/nodeagent-demo-\w+")]
    private static partial Regex DemoDirectory();
}
