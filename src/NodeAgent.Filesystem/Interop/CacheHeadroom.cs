using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Filesystem.Interop;

/// <summary>
/// Keeps a control group's limit away from what the kernel remembers of files. Names and inodes count as the group's memory. The kernel gives them back only to a
/// demand that may wait for file systems, and the file systems' own demands for inodes may not: when one of these meets the limit, and there is little other cache
/// in the group, the process is killed while nine tenths of that memory could have been given back. So now and then some memory is asked for here, which may wait,
/// and let go again: then there is room for the next inodes.
/// </summary>
/// <remarks>See https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and https://docs.kernel.org/admin-guide/cgroup-v2.html for the files. Thread-safe.</remarks>
internal sealed class CacheHeadroom : IDisposable
{
    /// <summary>Room that is made at once: what the kernel takes for some five thousand files.</summary>
    public const int Room = 8 << 20;

    /// <summary>Looks at files of one thread between two looks at the group.</summary>
    private const int Interval = 256;

    private static readonly CacheHeadroom? Own = FindOwn();

    [ThreadStatic]
    private static int _count;

    private readonly SafeFileHandle _usage;
    private readonly SafeFileHandle _kernel;
    private readonly long _limit;
    private readonly Action _demand;
    private int _isBusy;

    /// <param name="folder">The group's folder of control files, of either version.</param>
    /// <param name="limit">Its limit, bytes.</param>
    /// <param name="demand">Asks for <see cref="Room"/> bytes and lets them go.</param>
    /// <exception cref="IOException">Its files cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be.</exception>
    internal CacheHeadroom(string folder, long limit, Action demand)
    {
        (_limit, _demand) = (limit, demand);
        var isFirst = File.Exists(Path.Combine(folder, "memory.usage_in_bytes"));
        _usage = File.OpenHandle(Path.Combine(folder, isFirst ? "memory.usage_in_bytes" : "memory.current"));
        try
        {
            _kernel = File.OpenHandle(Path.Combine(folder, isFirst ? "memory.kmem.usage_in_bytes" : "memory.stat"));
        }
        catch
        {
            _usage.Dispose();
            throw;
        }
    }

    /// <summary>Counts a look at a file, or its creation. Makes room when it is time to, and none is left.</summary>
    public static void Count()
    {
        if ((++_count & (Interval - 1)) == 0) Own?.Make();
    }

    /// <summary>Makes room when the limit is near and much of the memory is what the kernel remembers.</summary>
    /// <returns>Whether it did.</returns>
    public bool Make()
    {
        if (Read(_usage) is not { } usage || usage < _limit - Room) return false;
        // One is enough, and others have work.
        if (Interlocked.Exchange(ref _isBusy, 1) != 0) return false;
        try
        {
            // Where there is little to be given back, the demand itself would end the process.
            if (Read(_kernel) is not { } remembered || remembered < 4 * Room) return false;
            _demand();
            return true;
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _usage.Dispose();
        _kernel.Dispose();
    }

    /// <summary>The tightest group of this process that has a limit, and that limit; null without one.</summary>
    /// <param name="groups">As /proc/self/cgroup.</param>
    /// <param name="root">Where the groups are mounted, as /sys/fs/cgroup.</param>
    internal static (string Folder, long Limit)? Find(string groups, string root)
    {
        (string Folder, long Limit)? tightest = null;
        foreach (var line in File.ReadLines(groups))
        {
            // number : controllers : path; of version 2 with number 0 and without controllers
            var parts = line.Split(':', 3);
            if (parts.Length < 3) continue;
            var isSecond = parts[0] == "0" && parts[1].Length == 0;
            if (!isSecond && !parts[1].Split(',').Contains("memory")) continue;
            var mount = isSecond ? root : Path.Combine(root, "memory");
            // In a container the path may be the host's, of which only the last part is here, as the root.
            for (var path = parts[2].Trim('/'); ; path = Path.GetDirectoryName(path) ?? "")
            {
                var folder = Path.Combine(mount, path);
                var file = Path.Combine(folder, isSecond ? "memory.max" : "memory.limit_in_bytes");
                if (File.Exists(file) && long.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit < (tightest?.Limit ?? long.MaxValue / 2))
                    tightest = (folder, limit);
                if (path.Length == 0) break;
            }
        }

        return tightest;
    }

    private static CacheHeadroom? FindOwn()
    {
        try
        {
            return Find("/proc/self/cgroup", "/sys/fs/cgroup") is { } found ? new CacheHeadroom(found.Folder, found.Limit, Demand) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // As before there was this: the kernel decides.
            return null;
        }
    }

    private static void Demand()
    {
        var room = LibC.Map(0, Room, LibC.ReadAndWrite, LibC.PrivateMemory | LibC.Populate, -1, 0);
        if (room != -1) LibC.Unmap(room, Room);
    }

    /// <summary>The number in a file, or what it says of reclaimable slabs; null when it cannot be read.</summary>
    private static long? Read(SafeFileHandle file)
    {
        try
        {
            Span<byte> content = stackalloc byte[8192];
            var said = content[..RandomAccess.Read(file, content, 0)];
            const string Name = "\nslab_reclaimable ";
            var at = said.IndexOf("\nslab_reclaimable "u8);
            if (at >= 0) said = said[(at + Name.Length)..];
            var end = said.IndexOf((byte)'\n');
            return long.TryParse(end < 0 ? said : said[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
