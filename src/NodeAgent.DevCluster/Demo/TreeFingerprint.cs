using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.DevCluster.Demo;

/// <summary>
/// Everything about a directory tree that a restore must bring back, taken before the volume is destroyed and compared
/// with what came back: type, mode, owner, size, modification time to the nanosecond, link target, hard-link groups,
/// extended attributes, device numbers, holes, and the SHA-256 of the content.
/// </summary>
internal sealed class TreeFingerprint
{
    private const ushort TypeMask = 0xf000;
    private const ushort Directory = 0x4000;
    private const ushort Regular = 0x8000;
    private const ushort Symlink = 0xa000;

    private readonly Dictionary<string, string> _entries;

    private TreeFingerprint(Dictionary<string, string> entries, long files, long bytes)
    {
        _entries = entries;
        Files = files;
        Bytes = bytes;
    }

    /// <summary>Regular files in the tree; each hard link counts.</summary>
    public long Files { get; }

    /// <summary>Sum of the sizes of the regular files.</summary>
    public long Bytes { get; }

    /// <summary>Entries of every type, the root included.</summary>
    public int Entries => _entries.Count;

    /// <summary>Reads the tree below <paramref name="root"/>.</summary>
    /// <exception cref="IOException">Something in the tree could not be read.</exception>
    public static TreeFingerprint Take(string root)
    {
        var found = new List<(string Path, byte[] Name, LibC.Statx Stat)>();
        var open = new Stack<byte[]>();
        var rootBytes = Encoding.UTF8.GetBytes(root);
        open.Push(rootBytes);
        found.Add((".", rootBytes, Stat(rootBytes)));
        while (open.TryPop(out var directory))
        {
            foreach (var name in Names(directory))
            {
                byte[] path = [.. directory, (byte)'/', .. name];
                var stat = Stat(path);
                found.Add((Encoding.Latin1.GetString(path.AsSpan(rootBytes.Length + 1)), path, stat));
                if ((stat.Mode & TypeMask) == Directory) open.Push(path);
            }
        }

        // A hard-link group is named by its first path in byte order, so that it means the same in both trees.
        var groups = found.Where(f => f.Stat.Links > 1 && (f.Stat.Mode & TypeMask) != Directory)
            .GroupBy(f => (f.Stat.DevMajor, f.Stat.DevMinor, f.Stat.Inode))
            .ToDictionary(g => g.Key, g => g.Select(f => f.Path).Min(StringComparer.Ordinal)!);
        var lines = new string[found.Count];
        Parallel.For(0, found.Count, i => lines[i] = Describe(found[i].Name, found[i].Stat, groups));
        var entries = new Dictionary<string, string>(found.Count);
        for (var i = 0; i < lines.Length; i++) entries.Add(found[i].Path, lines[i]);
        var regular = found.Where(f => (f.Stat.Mode & TypeMask) == Regular).ToList();
        return new TreeFingerprint(entries, regular.Count, regular.Sum(f => (long)f.Stat.Size));
    }

    /// <summary>The paths at which the two trees differ, with what differs; control characters are escaped.</summary>
    public IEnumerable<string> DifferencesTo(TreeFingerprint other)
    {
        foreach (var (path, line) in _entries)
        {
            if (!other._entries.TryGetValue(path, out var there)) yield return $"{Printable(path)}: missing";
            else if (there != line) yield return $"{Printable(path)}: was {line}, is {there}";
        }

        foreach (var path in other._entries.Keys.Where(p => !_entries.ContainsKey(p)))
            yield return $"{Printable(path)}: was not there";
    }

    private static string Describe(byte[] path, LibC.Statx stat, Dictionary<(uint, uint, ulong), string> groups)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"mode {Convert.ToString(stat.Mode, 8)} owner {stat.Uid}:{stat.Gid}");
        text.Append(CultureInfo.InvariantCulture, $" mtime {stat.ModifyTime.Seconds}.{stat.ModifyTime.Nanoseconds:D9}");
        if (groups.TryGetValue((stat.DevMajor, stat.DevMinor, stat.Inode), out var group)) text.Append(" linked to ").Append(Printable(group));
        foreach (var attribute in Attributes(path)) text.Append(' ').Append(attribute);
        switch (stat.Mode & TypeMask)
        {
            case Regular:
                text.Append(CultureInfo.InvariantCulture, $" size {stat.Size}{Extents(path, (long)stat.Size, (long)stat.Blocks)} sha256 {Content(path)}");
                break;
            case Symlink:
                text.Append(" -> ").Append(Target(path));
                break;
            case Directory:
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $" device {stat.RdevMajor},{stat.RdevMinor}");
                break;
        }

        return text.ToString();
    }

    /// <summary>The data extents of a file that has holes; nothing for one that has none.</summary>
    private static unsafe string Extents(byte[] path, long size, long blocks)
    {
        if (size == 0 || blocks * 512 >= size) return "";
        var text = new StringBuilder(" extents");
        using var handle = OpenFile(path);
        var descriptor = (int)handle.DangerousGetHandle();
        for (long at = 0; at < size;)
        {
            var data = LibC.Seek(descriptor, at, LibC.SeekData);
            if (data < 0) break; // ENXIO: nothing but a hole to the end
            at = LibC.Seek(descriptor, data, LibC.SeekHole);
            if (at < 0) throw Failed("lseek", path);
            text.Append(CultureInfo.InvariantCulture, $" {data}-{at}");
        }

        return text.ToString();
    }

    private static string Content(byte[] path)
    {
        using var stream = new FileStream(OpenFile(path), FileAccess.Read, 1 << 16);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static unsafe SafeFileHandle OpenFile(byte[] path)
    {
        fixed (byte* p = Terminated(path))
        {
            const int readOnlyCloseOnExec = 0x80000;
            var descriptor = LibC.Open(p, readOnlyCloseOnExec);
            return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failed("open", path);
        }
    }

    private static unsafe List<string> Attributes(byte[] path)
    {
        var result = new List<string>();
        var list = stackalloc byte[65_536];
        fixed (byte* p = Terminated(path))
        {
            var length = LibC.ListXattr(p, list, 65_536);
            if (length < 0) return Marshal.GetLastPInvokeError() == 95 ? result : throw Failed("listxattr", path); // EOPNOTSUPP
            var value = new byte[65_536];
            for (var start = 0; start < length;)
            {
                var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(list + start);
                fixed (byte* v = value)
                {
                    var size = LibC.GetXattr(p, list + start, v, 65_536);
                    if (size < 0) throw Failed("getxattr", path);
                    result.Add($"{Printable(Encoding.Latin1.GetString(name))}={Convert.ToHexStringLower(value.AsSpan(0, (int)size))}");
                }

                start += name.Length + 1;
            }
        }

        result.Sort(StringComparer.Ordinal);
        return result;
    }

    private static unsafe string Target(byte[] path)
    {
        var buffer = stackalloc byte[4096];
        fixed (byte* p = Terminated(path))
        {
            var length = LibC.ReadLink(p, buffer, 4096);
            return length >= 0 ? Printable(Encoding.Latin1.GetString(buffer, (int)length)) : throw Failed("readlink", path);
        }
    }

    private static unsafe LibC.Statx Stat(byte[] path)
    {
        fixed (byte* p = Terminated(path))
        {
            return LibC.StatxAt(LibC.AtFdCwd, p, LibC.AtSymlinkNoFollow, LibC.BasicStats, out var stat) == 0
                ? stat
                : throw Failed("statx", path);
        }
    }

    private static unsafe List<byte[]> Names(byte[] directory)
    {
        var names = new List<byte[]>();
        fixed (byte* p = Terminated(directory))
        {
            var handle = LibC.OpenDirectory(p);
            if (handle == 0) throw Failed("opendir", directory);
            try
            {
                const int nameOffset = 19;
                for (var entry = LibC.ReadDirectory(handle); entry != null; entry = LibC.ReadDirectory(handle))
                {
                    var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry + nameOffset);
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8)) names.Add(name.ToArray());
                }
            }
            finally
            {
                _ = LibC.CloseDirectory(handle);
            }
        }

        return names;
    }

    internal static byte[] Terminated(byte[] path) => [.. path, 0];

    private static IOException Failed(string call, byte[] path) =>
        new($"{call} {Printable(Encoding.Latin1.GetString(path))}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    private static string Printable(string text)
    {
        if (text.All(c => c is >= ' ' and < '\x7f')) return text;
        var result = new StringBuilder();
        foreach (var c in text)
        {
            if (c is >= ' ' and < '\x7f') result.Append(c);
            else result.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
        }

        return result.ToString();
    }
}
