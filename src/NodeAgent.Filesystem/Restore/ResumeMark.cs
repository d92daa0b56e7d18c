using System.Security.Cryptography;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// A file in the target that is there while a restore is under way. One that is killed leaves it, and the same restore, run again,
/// knows by it what is complete: a file gets its final name, with its time and owner, only when it is, so one that looks right and
/// whose inode changed after the mark was made needs nothing more. After a restart of the machine nothing is taken for complete: what
/// was renamed may not have reached the disk.
/// </summary>
internal sealed class ResumeMark
{
    private const int IdentityLength = 32;

    private readonly FileTimestamp? _since;

    private ResumeMark(FileTimestamp? since) => _since = since;

    /// <summary>Not a name that <see cref="TemporaryNames"/> makes, so that it stays when those are removed.</summary>
    public static ReadOnlySpan<byte> Name => ".nodeagent-restore-progress"u8;

    /// <summary>
    /// Makes the mark, or takes up that of an interrupted run of the same restore. Null where it cannot be made: the restore then
    /// cannot be continued, and what is wrong with the target is its to tell.
    /// </summary>
    public static ResumeMark? Begin(DirectoryHandle target, SnapshotManifest snapshot, RestoreRequest request)
    {
        try
        {
            if (Find(target, snapshot, request) is { } earlier) return earlier;
            Remove(target);
            using var made = Files.Open(target, Name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x180);
            Files.WriteAt(made, IdentityOf(snapshot, request), 0);
            return new ResumeMark(null);
        }
        catch (FileSystemException)
        {
            return null;
        }
    }

    /// <summary>The mark of an interrupted run of the same restore; null for none.</summary>
    public static ResumeMark? Find(DirectoryHandle target, SnapshotManifest snapshot, RestoreRequest request)
    {
        using var found = Files.TryOpen(target, Name, OpenFlags.ReadOnly | OpenFlags.NonBlocking, 0, out _);
        if (found is null || Files.Status(found, []) is not { Type: TreeEntryType.RegularFile, Links: 1, Size: IdentityLength } status) return null;
        var content = new byte[IdentityLength];
        return Files.ReadAt(found, content, 0) == IdentityLength && content.AsSpan().SequenceEqual(IdentityOf(snapshot, request)) ? new ResumeMark(status.Changed) : null;
    }

    /// <summary>Whether a file is what an interrupted run of this restore made of an entry.</summary>
    public bool IsComplete(in FileStatus file, TreeEntry entry) =>
        _since is { } since && file.Changed.CompareTo(since) >= 0 && file.Type == TreeEntryType.RegularFile && file.Size == entry.Size && file.Modified == entry.Modified;

    /// <summary>The restore is at its end. The target keeps its time.</summary>
    /// <exception cref="FileSystemException">The mark cannot be removed.</exception>
    public static void End(DirectoryHandle target)
    {
        var modified = Files.Status(target, []).Modified;
        Remove(target);
        try
        {
            Files.SetTime(target, modified);
        }
        catch (FileSystemException)
        {
            // Who does not own the target may not set its time; that it could not be set before was reported.
        }
    }

    /// <summary>Nothing in the target is to be taken for complete by a later run.</summary>
    public static void Forget(DirectoryHandle target)
    {
        try
        {
            Remove(target);
        }
        catch (FileSystemException)
        {
            // A file system that can no longer be changed takes no later run, unless somebody mends it without a restart of the machine.
        }
    }

    private static void Remove(DirectoryHandle target)
    {
        try
        {
            Files.Remove(target, Name);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            // There is none.
        }
    }

    /// <summary>The snapshot, the part of it that becomes the target, the machine's time since it was started, and whether owners can be set.</summary>
    private static byte[] IdentityOf(SnapshotManifest snapshot, RestoreRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in (ReadOnlyMemory<byte>[])[snapshot.Root, request.SubPath, Encoding.ASCII.GetBytes(BootId()), BitConverter.GetBytes(Files.IsRoot)])
        {
            hash.AppendData(BitConverter.GetBytes(part.Length));
            hash.AppendData(part.Span);
        }

        return hash.GetHashAndReset();
    }

    private static string BootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without it no run is taken for the same: everything is written again.
            return Guid.NewGuid().ToString();
        }
    }
}
