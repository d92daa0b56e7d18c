using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>A directory as the system's own programs see it. Bytes of names are characters of Latin-1, so that none is lost.</summary>
internal static class DiskTree
{
    /// <summary>Everything below a directory, and itself under the empty name.</summary>
    public static async Task<SortedDictionary<string, DiskFile>> ReadAsync(string root)
    {
        var hashes = (await RunAsync(root, "find . -type f -print0 | xargs -0 sha256sum -z"))
            .Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(line => Below(line[66..]), line => line[..64], StringComparer.Ordinal);
        // stat for the times: find counts fractions before 1970 in a way of its own.
        var times = (await RunAsync(root, @"find . -exec stat --printf '%n\t%.9Y\t%.9Z\0' {} +"))
            .Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t'))
            .ToDictionary(f => Below(f[0]), f => (Modified: f[1], Changed: f[2]), StringComparer.Ordinal);
        var result = new SortedDictionary<string, DiskFile>(StringComparer.Ordinal);
        foreach (var line in (await RunAsync(root, @"find . -printf '%p\t%y\t%m\t%U:%G\t%s\t%i\t%n\t%l\0'")).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var f = line.Split('\t');
            var name = Below(f[0]);
            var size = f[1] == "f" ? long.Parse(f[4], CultureInfo.InvariantCulture) : 0;
            var links = f[1] == "d" ? 1 : int.Parse(f[6], CultureInfo.InvariantCulture);
            result.Add(name, new DiskFile(f[1], f[2], f[3], size, times[name].Modified, times[name].Changed, f[5], links, f[7], f[1] == "f" ? hashes[name] : ""));
        }

        return result;
    }

    private static string Below(string path) => path == "." ? "" : path[2..];

    private static async Task<string> RunAsync(string directory, string script)
    {
        var start = new ProcessStartInfo("sh", ["-c", script]) { WorkingDirectory = directory, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.Latin1 };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
