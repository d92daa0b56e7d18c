using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>
/// The file that tells the init container of a restored pod that a volume is complete: <c>.velero/&lt;restore uid&gt;</c> in the
/// volume. Writing and removing it leaves the volume's own modification time as it was.
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
    /// <exception cref="FileSystemException">The mark cannot be written, for one because a file or link has its place.</exception>
    public static void Write(string volume, string restoreUid)
    {
        var name = NameOf(restoreUid);
        using var root = Files.OpenRoot(volume);
        var modified = Files.Status(root, []).Modified;
        var marks = Files.TryOpen(root, DirectoryName, OpenFlags.Directory, 0, out var error);
        if (marks is null)
        {
            if (error != Errno.NoEntry) throw new FileSystemException("open .velero", error);
            Files.MakeDirectory(root, DirectoryName, DirectoryMode);
            marks = Files.Open(root, DirectoryName, OpenFlags.Directory);
        }

        using (marks)
        {
            // Set apart from the creation, because of the umask.
            Files.ChangeMode(marks, DirectoryMode);
            using var mark = Files.Open(marks, name, OpenFlags.WriteOnly | OpenFlags.Create, FileMode);
            Files.ChangeMode(mark, FileMode);
        }

        Files.SetTime(root, [], modified);
    }

    /// <summary>Whether a volume carries the mark of a restore.</summary>
    public static bool Exists(string volume, string restoreUid) => File.Exists(Path.Combine(volume, ".velero", restoreUid));

    /// <summary>
    /// Removes all marks, of earlier restores as well. Returns false when something else than marks is in their directory, which then stays.
    /// </summary>
    /// <exception cref="FileSystemException">A mark cannot be removed.</exception>
    public static bool Remove(string volume)
    {
        using var root = Files.OpenRoot(volume);
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
            Files.SetTime(root, [], modified);
        }
        catch (FileSystemException)
        {
            // Who does not own the volume's directory may not set its time; the data is what counts.
        }

        return true;
    }

    private static byte[] NameOf(string restoreUid)
    {
        ArgumentException.ThrowIfNullOrEmpty(restoreUid);
        return restoreUid is "." or ".." || restoreUid.AsSpan().ContainsAny('/', '\0')
            ? throw new ArgumentException($"\"{restoreUid}\" is no UID", nameof(restoreUid))
            : Encoding.UTF8.GetBytes(restoreUid);
    }
}
