namespace NodeAgent.Filesystem.Interop;

/// <summary>The mounts that this process sees, as the kernel lists them: nothing in them is touched.</summary>
internal static class MountTable
{
    private const string Path = "/proc/self/mountinfo";

    /// <summary>The type of file system of a mount, such as ext4 or fuse.s3fs; null when there is no such mount, or no list.</summary>
    public static string? TypeOf(ulong mountId)
    {
        try
        {
            foreach (var line in File.ReadLines(Path))
            {
                if (TypeIn(line, mountId) is { } type) return type;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without the list nothing is known of any.
        }

        return null;
    }

    /// <summary>The type in one line ("36 35 98:0 /mnt1 /mnt2 rw master:1 - ext3 /dev/root rw") when it is of that mount.</summary>
    internal static string? TypeIn(string line, ulong mountId)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || !ulong.TryParse(line.AsSpan(0, space), out var id) || id != mountId) return null;
        // Spaces within a field are written \040, so this is the end of the optional fields.
        var end = line.IndexOf(" - ", StringComparison.Ordinal);
        return end < 0 ? null : line[(end + 3)..].Split(' ')[0];
    }
}
