using System.Diagnostics;
using System.Globalization;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>
/// A tmpfs of a few hundred KiB in a mount namespace that only a child process is in. Tests reach it through the child's
/// /proc entry; it is gone when the child is, however the test ends. Needs root.
/// </summary>
internal sealed class TinyFileSystem : IDisposable
{
    private const int LargestFill = 4 << 20;

    private readonly Process _shell;

    private readonly string _mountPoint;

    private TinyFileSystem(Process shell, string mountPoint)
    {
        _shell = shell;
        _mountPoint = mountPoint;
        Path = string.Create(CultureInfo.InvariantCulture, $"/proc/{shell.Id}/root{mountPoint}");
    }

    public string Path { get; }

    /// <summary>Makes one, or skips the test where that is not permitted.</summary>
    public static TinyFileSystem CreateOrSkip(int kibibytes)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a small file system needs root");
        var mountPoint = Directory.CreateTempSubdirectory("nodeagent-tiny-").FullName;
        var start = new ProcessStartInfo("unshare") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["--mount", "--propagation", "private", "sh"]) start.ArgumentList.Add(argument);
        Process shell;
        try
        {
            shell = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Directory.Delete(mountPoint);
            Assert.Skip($"unshare cannot be run: {exception.Message}");
            throw;
        }

        var tiny = new TinyFileSystem(shell, mountPoint);
        try
        {
            Assert.SkipUnless(
                tiny.Run(string.Create(CultureInfo.InvariantCulture, $"mount -t tmpfs -o size={kibibytes}k,mode=700 none {mountPoint} 2>&1")) == 0,
                "a tmpfs cannot be mounted in a namespace of its own here");
            // Tests fill it to the last byte: that must be the file system that was just made, and no other.
            Assert.Equal(0, tiny.Run(string.Create(CultureInfo.InvariantCulture, $"test $(stat -f -c '%T:%b:%S' {mountPoint}) = tmpfs:{kibibytes / 4}:4096")));
            File.WriteAllBytes(System.IO.Path.Combine(tiny.Path, "probe"), [1]);
            Assert.Equal(0, tiny.Run($"rm {mountPoint}/probe"));
            Assert.False(File.Exists(System.IO.Path.Combine(tiny.Path, "probe")));
            return tiny;
        }
        catch
        {
            tiny.Dispose();
            throw;
        }
    }

    /// <summary>Takes all but so many bytes of the space; the path of what takes it.</summary>
    public string Fill(int free = 0)
    {
        var path = System.IO.Path.Combine(Path, "ballast");
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 0);
        var block = new byte[4096];
        try
        {
            while (file.Length < LargestFill) file.Write(block);
        }
        catch (IOException)
        {
            file.SetLength(Math.Max(0, file.Length - free));
            return path;
        }

        throw new InvalidOperationException($"{Path} takes {LargestFill} bytes: it is not the small file system");
    }

    /// <summary>From now on nothing can be written, as after an error of the disk.</summary>
    public void MakeReadOnly() => Assert.Equal(0, Run($"mount -o remount,ro {_mountPoint}"));

    public void Dispose()
    {
        _shell.StandardInput.Close();
        if (!_shell.WaitForExit(5000)) _shell.Kill();
        _shell.Dispose();
        // Not before the child has ended: removing a mount point takes the mount away from whoever sees it.
        Directory.Delete(_mountPoint, recursive: true);
    }

    private int Run(string command)
    {
        _shell.StandardInput.WriteLine($"{command} >&2; echo $?");
        _shell.StandardInput.Flush();
        return int.TryParse(_shell.StandardOutput.ReadLine(), CultureInfo.InvariantCulture, out var status) ? status : -1;
    }
}
