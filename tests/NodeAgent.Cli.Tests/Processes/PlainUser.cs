using System.Diagnostics;

namespace NodeAgent.Cli.Tests.Processes;

/// <summary>Runs nodeagent as a user who is nobody, from a copy of the executable that such a user can reach.</summary>
internal static class PlainUser
{
    public const int Id = 65534;

    private static readonly Lazy<string?> Copy = new(Make);

    /// <summary>Skips the test where this cannot be: it takes root and setpriv.</summary>
    public static CommandEnvironment EnvironmentOrSkip()
    {
        Assert.SkipUnless(Environment.UserName == "root", "becoming another user takes root");
        Assert.SkipUnless(Copy.Value is not null, "there is no setpriv, or another user cannot run nodeagent here");
        return new CommandEnvironment
        {
            Through = ["setpriv", .. Become],
            Copy = Copy.Value,
            WorkingDirectory = "/",
        };
    }

    /// <summary>Runs a script of the shell as that user.</summary>
    public static void Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("setpriv", [.. Become, "sh", "-ec", script]) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
    }

    private static string[] Become => ["--reuid", $"{Id}", "--regid", $"{Id}", "--clear-groups"];

    private static string? Make()
    {
        var copy = Directory.CreateTempSubdirectory("nodeagent-executable-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(copy, recursive: true);
        foreach (var file in Directory.GetFiles(NodeAgentProcess.Place)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        try
        {
            using var chmod = Process.Start("chmod", ["-R", "a+rX", copy])!;
            chmod.WaitForExit();
            using var process = Process.Start(new ProcessStartInfo("setpriv", [.. Become, .. NodeAgentProcess.CommandIn(copy), "--help"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? copy : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
