using System.Diagnostics;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A tmpfs of a test: gone when disposed. Tests that want one are skipped by name where it cannot be mounted.</summary>
internal sealed class MountedTmpfs : IDisposable
{
    private MountedTmpfs(string path) => Path = path;

    public string Path { get; }

    /// <summary>Mounts it, or skips the test.</summary>
    public static MountedTmpfs AtOrSkip(string path, string options = "size=16m")
    {
        Directory.CreateDirectory(path);
        Assert.SkipUnless(TryRun("mount", "-t", "tmpfs", "-o", options, "tmpfs", path), "a tmpfs cannot be mounted here: that takes root");
        return new MountedTmpfs(path);
    }

    public void Dispose() => TryRun("umount", "-l", Path);

    private static bool TryRun(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
