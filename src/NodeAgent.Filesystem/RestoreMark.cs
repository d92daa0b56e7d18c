using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>
/// The file that tells the init container of a restored pod that a volume is complete: <c>.velero/&lt;restore uid&gt;</c>, in a directory
/// named for the volume in the pod's volume of marks or, in pods that have none, in the volume itself. Writing and removing it leaves the
/// modification time of what it is in as it was.
/// </summary>
public static class RestoreMark
{
    /// <summary>Pattern of what neither a backup nor a restore of a volume takes.</summary>
    public const string Exclude = "/.velero";

    // The init container may run as any user, and has to remove the mark.
    private const uint DirectoryMode = 0x1ff;
    private const uint FileMode = 0x1b6;

    private static ReadOnlySpan<byte> DirectoryName => ".velero"u8;

    /// <summary>Marks a volume as restored.</summary>
    /// <param name="volume">The volume's directory.</param>
    /// <param name="restoreUid">UID of the restore; must be a name without slashes.</param>
    /// <param name="trustedDirectory">As in <see cref="RestoreRequest.TrustedDirectory"/>.</param>
    /// <exception cref="FileSystemException">The mark cannot be written, for one because a file or link has its directory's place.</exception>
    public static void Write(string volume, string restoreUid, string? trustedDirectory = null)
    {
        var name = NameOf(restoreUid);
        using var root = Files.OpenRoot(volume, trustedDirectory);
        Write(root, name);
    }

    /// <summary>Marks a volume as restored in the pod's volume of marks.</summary>
    /// <param name="marks">Directory of the volume of marks.</param>
    /// <param name="volumeName">Name of the volume that is restored; must be a name without slashes.</param>
    /// <param name="restoreUid">UID of the restore; must be a name without slashes.</param>
    /// <param name="trustedDirectory">As in <see cref="RestoreRequest.TrustedDirectory"/>.</param>
    /// <exception cref="FileSystemException">As in <see cref="Write(string, string, string?)"/>.</exception>
    public static void WriteBeside(string marks, string volumeName, string restoreUid, string? trustedDirectory = null)
    {
        var (name, place) = (NameOf(restoreUid), NameOf(volumeName));
        using var root = Files.OpenRoot(marks, trustedDirectory);
        using var directory = OpenOrMake(root, place);
        Write(directory, name);
    }

    private static void Write(DirectoryHandle root, byte[] name)
    {
        var modified = Files.Status(root, []).Modified;
        using (var marks = OpenOrMake(root, DirectoryName))
        {
            // What somebody put in its place is not opened, since a fifo would hold us, and not changed, since it may be another name of a file.
            RemoveIn(marks, name);
            using var mark = Files.Open(marks, name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, FileMode);
            Files.ChangeMode(mark, FileMode);
        }

        Files.SetTime(root, modified);
    }

    /// <summary>Whether a volume carries the mark of a restore.</summary>
    /// <param name="volume">The volume's directory.</param>
    /// <param name="restoreUid">UID of the restore.</param>
    /// <param name="trustedDirectory">As in <see cref="RestoreRequest.TrustedDirectory"/>.</param>
    public static bool Exists(string volume, string restoreUid, string? trustedDirectory = null)
    {
        // The init container may be allowed to pass through the volume's directory and not to read it.
        if (trustedDirectory is null) return File.Exists(Path.Combine(volume, ".velero", restoreUid));
        try
        {
            using var root = Files.OpenRoot(volume, trustedDirectory);
            using var marks = Files.TryOpen(root, DirectoryName, OpenFlags.Directory, 0, out _);
            return marks is not null && Files.Status(marks, NameOf(restoreUid)).Type == TreeEntryType.RegularFile;
        }
        catch (FileSystemException)
        {
            return false;
        }
    }

    /// <summary>
    /// Removes all marks, of earlier restores as well. Returns false when something else than marks is in their directory, which then stays.
    /// </summary>
    /// <exception cref="FileSystemException">A mark cannot be removed.</exception>
    public static bool Remove(string volume, string? trustedDirectory = null)
    {
        using var root = Files.OpenRoot(volume, trustedDirectory);
        var modified = Files.Status(root, []).Modified;
        using (var marks = Files.TryOpen(root, DirectoryName, OpenFlags.Directory, 0, out var error))
        {
            if (marks is null && error != Errno.NoEntry) throw new FileSystemException("open .velero", error);
            if (marks is null) return true;
            foreach (var name in Files.Names(marks))
            {
                if (Files.Status(marks, name).Type == TreeEntryType.Directory) return false;
                Files.Remove(marks, name);
            }
        }

        Files.Remove(root, DirectoryName, isDirectory: true);
        try
        {
            Files.SetTime(root, modified);
        }
        catch (FileSystemException)
        {
            // Who does not own the volume's directory may not set its time; the data is what counts.
        }

        return true;
    }

    private static void RemoveIn(DirectoryHandle directory, byte[] name)
    {
        try
        {
            Files.Remove(directory, name);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            // There is none.
        }
    }

    private static DirectoryHandle OpenOrMake(DirectoryHandle parent, ReadOnlySpan<byte> name)
    {
        var directory = Files.TryOpen(parent, name, OpenFlags.Directory, 0, out var error);
        if (directory is null)
        {
            if (error != Errno.NoEntry) throw new FileSystemException("open " + Encoding.UTF8.GetString(name), error);
            Files.MakeDirectory(parent, name, DirectoryMode);
            directory = Files.Open(parent, name, OpenFlags.Directory);
        }

        // Set apart from the creation, because of the umask.
        Files.ChangeMode(directory, DirectoryMode);
        return directory;
    }

    private static byte[] NameOf(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return text is "." or ".." || text.AsSpan().ContainsAny('/', '\0') ? throw new ArgumentException($"\"{text}\" is no name", nameof(text)) : Encoding.UTF8.GetBytes(text);
    }
}
