using System.Diagnostics;
using System.Text;

namespace NodeAgent.Cli.Tests.Processes;

/// <summary>Runs the real executable, as a user would, with an environment that holds nothing of the test machine's settings.</summary>
internal static class NodeAgentProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A program as it is published for one platform, in place of what was built beside the tests: it is trimmed and compiled to native code, and starts in a fraction of the time.
    /// </summary>
    private static readonly string? Published = Environment.GetEnvironmentVariable("NODEAGENT_TEST_PROGRAM") is { Length: > 0 } path ? path : null;

    /// <summary>Whether it is one as it is published, and not what was built beside the tests.</summary>
    public static bool IsPublished => Published is not null;

    /// <summary>Whether it is native code, in one file, without the runtime's compiler.</summary>
    public static bool IsNative => IsPublished && !File.Exists(Path.Combine(Place, "libclrjit.so")) && !File.Exists(Path.Combine(Place, "nodeagent.dll"));

    /// <summary>The command that starts it.</summary>
    public static string[] Command => CommandIn(Place);

    /// <summary>The same for a shell.</summary>
    public static string ShellCommand => string.Join(' ', Command.Select(word => $"'{word}'"));

    /// <summary>The directory that it is in.</summary>
    public static string Place { get; } = Published is null ? AppContext.BaseDirectory : Path.GetDirectoryName(Published)!;

    /// <summary>The command that starts a copy of it.</summary>
    public static string[] CommandIn(string directory) => Published is null ? ["dotnet", Path.Combine(directory, "nodeagent.dll")] : [Path.Combine(directory, Path.GetFileName(Published))];

    public static Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(new CommandEnvironment(), arguments);

    public static async Task<CommandResult> RunAsync(CommandEnvironment environment, params string[] arguments)
    {
        using var process = Start(environment, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        return await FinishAsync(process, output, error);
    }

    public static async Task<CommandResult> FinishAsync(Process process, Task<string> output, Task<string> error)
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"nodeagent did not end within {Limit.TotalSeconds} s\n{await error}");
        }

        return new CommandResult(process.ExitCode, await output, await error);
    }

    /// <summary>Starts it and returns at once. Whoever calls ends the process.</summary>
    public static Process Start(CommandEnvironment environment, params string[] arguments)
    {
        string[] program = environment.IsPortable ? ["dotnet", Path.Combine(AppContext.BaseDirectory, "nodeagent.dll")] : CommandIn(environment.Copy ?? Place);
        string[] command = [.. environment.Through, .. program];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = environment.WorkingDirectory,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToArray())
            start.Environment.Remove(name);
        start.Environment["HOME"] = environment.Home;
        foreach (var (name, value) in environment.Variables)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    private static bool IsSetting(string name) =>
        name.StartsWith("NODEAGENT_", StringComparison.Ordinal) || name.StartsWith("VELERO_", StringComparison.Ordinal)
        || name.StartsWith("KUBE", StringComparison.Ordinal);
}
