using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.DevCluster.Demo;

/// <summary>What the demo's volume holds: a copy of a real tree, and a corner with what backup tools like to lose.</summary>
internal static class DemoSource
{
    /// <summary>The name of the corner inside the volume.</summary>
    public const string Corner = "things-that-get-lost";

    /// <summary>The SDK that runs this: a real tree that is on every machine where the demo can run.</summary>
    public static string Default()
    {
        var runtime = new DirectoryInfo(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory());
        // <dotnet>/shared/Microsoft.NETCore.App/<version>/
        var root = runtime.Parent!.Parent!.Parent!.FullName;
        var sdk = Path.Combine(root, "sdk");
        return Directory.Exists(sdk) ? sdk : root;
    }

    /// <summary>Copies with everything kept: owners, modes, times, links, attributes, holes.</summary>
    public static async Task CopyAsync(string source, string target, CancellationToken cancellationToken)
    {
        using var copy = Process.Start(new ProcessStartInfo("cp", ["-a", "--", Path.Combine(source, "."), target]) { RedirectStandardError = true })!;
        var errors = await copy.StandardError.ReadToEndAsync(cancellationToken);
        await copy.WaitForExitAsync(cancellationToken);
        if (copy.ExitCode != 0) throw new DemoException($"copying {source} failed: {errors.Split('\n')[0]}");
    }

    /// <summary>Hard links, holes, odd names, attributes, a fifo, set-user-id bits, links with their own times.</summary>
    public static unsafe void MakeCorner(string volume)
    {
        var corner = Path.Combine(volume, Corner);
        Directory.CreateDirectory(corner);
        var file = Path.Combine(corner, "a file with two names");
        File.WriteAllText(file, "one content, two names\n");
        fixed (byte* from = Bytes(file), to = Bytes(Path.Combine(corner, "its other name")))
        {
            Check(LibC.Link(from, to), "link");
        }

        File.CreateSymbolicLink(Path.Combine(corner, "dangling link"), "../not/there");
        File.WriteAllText(Path.Combine(corner, "name with\nnewline and ünïcödé"), "x");
        fixed (byte* notUtf8 = (byte[])[.. Encoding.UTF8.GetBytes(corner), .. "/not utf-8: "u8, 0xff, 0xfe, 0])
        {
            Check(LibC.MakeFifo(notUtf8, 0x1a4), "mkfifo");
        }

        var setUserId = Path.Combine(corner, "set-user-id");
        File.WriteAllText(setUserId, "#!/bin/sh\n");
        File.SetUnixFileMode(setUserId, UnixFileMode.SetUser | UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute);
        var sparse = Path.Combine(corner, "sparse");
        using (var handle = File.OpenHandle(sparse, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.SetLength(handle, 64L << 20);
            RandomAccess.Write(handle, "an island in much of nothing"u8, 32L << 20);
        }

        fixed (byte* path = Bytes(file), name = "user.nodeagent-demo\0"u8, value = "kept"u8)
        {
            // not every file system has user attributes (tmpfs before Linux 6.6): then there is nothing to lose either
            _ = LibC.SetXattr(path, name, value, 4, 0);
        }

        File.SetLastWriteTimeUtc(file, new DateTime(1969, 7, 20, 20, 17, 40, DateTimeKind.Utc));
    }

    /// <summary>A day of work on the volume: some files grow, one is new, one is renamed, one is gone.</summary>
    public static int Change(string volume)
    {
        var files = new DirectoryInfo(volume).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            // Names that are not UTF-8 cannot be addressed from here; they read as U+FFFD.
            .Where(f => !f.FullName.Contains(Corner, StringComparison.Ordinal) && !f.FullName.Contains('\uFFFD', StringComparison.Ordinal) && f.Length is > 1000 and < 10_000_000)
            .OrderBy(f => f.FullName, StringComparer.Ordinal).ToList();
        var changed = 0;
        for (var i = 0; i < files.Count && changed < 5; i += Math.Max(1, files.Count / 5), changed++)
            File.AppendAllText(files[i].FullName, "\nchanged after the first backup\n");
        if (files.Count > 12)
        {
            files[7].MoveTo(files[7].FullName + ".renamed");
            files[11].Delete();
            changed += 2;
        }

        File.WriteAllBytes(Path.Combine(volume, "written after the first backup"), new byte[1]);
        return changed + 1;
    }

    private static byte[] Bytes(string path) => TreeFingerprint.Terminated(Encoding.UTF8.GetBytes(path));

    private static void Check(int result, string call)
    {
        if (result != 0) throw new DemoException($"{call}: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(System.Runtime.InteropServices.Marshal.GetLastPInvokeError())}");
    }
}
