using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Filesystem.Interop;

/// <summary>
/// Keeps a control group's limit away from what the kernel remembers of files. Names and inodes count as the group's memory. The kernel gives them back only to a
/// demand that may wait for file systems, and the file systems' own demands for inodes may not: when one of these meets the limit, and the group's other cache
/// is little, or held by a journal, the process is killed while most of that memory could have been given back. So now and then some memory is asked for here, which may wait,
/// and let go again: then there is room for the next inodes.
/// </summary>
/// <remarks>See https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and https://docs.kernel.org/admin-guide/cgroup-v2.html for the files. Thread-safe.</remarks>
internal sealed class CacheHeadroom : IDisposable
{
    /// <summary>Room that is made at once, when half of it is left: the other half is what the kernel takes for some three thousand files.</summary>
    public const int Room = 8 << 20;

    /// <summary>Looks at files of one thread between two looks at the group.</summary>
    private const int Interval = 256;

    private static readonly CacheHeadroom? Own = FindOwn();

    [ThreadStatic]
    private static int _count;

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly bool _isFirst;
    private readonly SafeFileHandle _usage;
    private readonly Action _demand;
    private long _limit;

    /// <param name="folder">The group's folder of control files, of either version.</param>
    /// <param name="limit">Its limit, bytes; it is read again when it is near.</param>
    /// <param name="demand">Asks for <see cref="Room"/> bytes and lets them go.</param>
    /// <exception cref="IOException">Its files cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be.</exception>
    internal CacheHeadroom(string folder, long limit, Action demand)
    {
        (_folder, _limit, _demand) = (folder, limit, demand);
        _isFirst = File.Exists(Path.Combine(folder, "memory.usage_in_bytes"));
        _usage = File.OpenHandle(Path.Combine(folder, _isFirst ? "memory.usage_in_bytes" : "memory.current"));
    }

    /// <summary>Counts a look at a file, or its creation. Makes room when it is time to, and none is left.</summary>
    public static void Count()
    {
        if ((++_count & (Interval - 1)) == 0) Own?.Make();
    }

    /// <summary>Makes room when the limit is near and much of the memory is what the kernel remembers. Whether there is other cache says nothing: a journal may hold it.</summary>
    /// <returns>Whether it did.</returns>
    public bool Make()
    {
        if (!IsNear()) return false;
        // Others that look at files wait: each of them could be the one whose demand ends the process meanwhile.
        lock (_gate)
        {
            if (!IsNear() || Number(_isFirst ? "memory.limit_in_bytes" : "memory.max") is not { } limit) return false;
            Volatile.Write(ref _limit, limit);
            if (!IsNear()) return false;
            // Where it is not the greater part of what the files take, other cache is given back for it, and the demand costs more than it is good for; where there is
            // little of it, the demand itself could end the process.
            if (Remembered() < Math.Max(4 * Room, limit / 3)) return false;
            _demand();
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _usage.Dispose();

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

    /// <summary>What a process without other work for it would do: all of the memory is there, and gone again.</summary>
    internal static void Demand()
    {
        var room = LibC.Map(0, Room, LibC.ReadAndWrite, LibC.PrivateMemory | LibC.Populate, -1, 0);
        if (room != -1) _ = LibC.Unmap(room, Room);
    }

    private bool IsNear() => Number(_usage) is { } usage && usage >= Volatile.Read(ref _limit) - (Room / 2);

    /// <summary>Bytes of what the kernel remembers of files; of the first version all that it has for the group, which is little more. 0 when it does not say.</summary>
    private long Remembered()
    {
        if (_isFirst) return Number("memory.kmem.usage_in_bytes") ?? 0;
        const string Name = "slab_reclaimable ";
        try
        {
            var line = File.ReadLines(Path.Combine(_folder, "memory.stat")).FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
            return long.TryParse(line.AsSpan(line is null ? 0 : Name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private long? Number(string file)
    {
        try
        {
            using var handle = File.OpenHandle(Path.Combine(_folder, file));
            return Number(handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The number that is all of a file; null when it is another word, or cannot be read.</summary>
    private static long? Number(SafeFileHandle file)
    {
        try
        {
            Span<byte> content = stackalloc byte[32];
            return long.TryParse(content[..RandomAccess.Read(file, content, 0)].TrimEnd((byte)'\n'), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
