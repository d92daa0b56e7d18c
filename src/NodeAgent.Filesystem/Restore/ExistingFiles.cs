using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Decides what is done with what is in the target already. Thread-safe.</summary>
internal sealed class ExistingFiles(RestoreRequest request, ResumeMark? mark)
{
    /// <summary>Which file of the snapshot a file with several names was taken for: two of them must not stay one.</summary>
    private readonly ConcurrentDictionary<(ulong Device, ulong Inode), HardLinkKey> _taken = new();

    /// <summary>What has a name in a directory of the target; null for nothing.</summary>
    public static FileStatus? At(DirectoryHandle parent, ReadOnlySpan<byte> name)
    {
        try
        {
            return Files.Status(parent, name);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            return null;
        }
    }

    /// <summary>What is done with what is in the place of an entry that is no directory.</summary>
    public ExistingChoice Choose(in FileStatus? there, TreeEntry entry)
    {
        if (there is not { } file) return ExistingChoice.Write;
        if (mark is not null && entry.Type == TreeEntryType.RegularFile && !entry.UnreadableContent && mark.IsComplete(file, entry) && IsOfItsOwn(file, entry)) return ExistingChoice.Complete;
        if (!MayReplace(file, entry)) return ExistingChoice.Keep;
        if (entry.Type != TreeEntryType.RegularFile || file.Type != TreeEntryType.RegularFile || entry.UnreadableContent) return ExistingChoice.Write;
        if (request.Overwrite == OverwritePolicy.IfChanged && file.Size == entry.Size && file.Modified == entry.Modified && IsOfItsOwn(file, entry))
        {
            // What is set on one name of a file is set on those that the snapshot knows nothing of.
            return file.Links == 1 || MetadataWriter.HasModeAndOwner(file, entry) ? ExistingChoice.Same : ExistingChoice.Write;
        }

        // A file that a stopped run left half rewritten would be newer than the snapshot, and stay so for ever.
        return request.InPlace && request.Overwrite != OverwritePolicy.IfNewer && file.Links == 1 && entry.HardLinkDevice is null ? ExistingChoice.Update : ExistingChoice.Write;
    }

    /// <summary>Whether the content of an entry will be fetched, as far as a first look can tell.</summary>
    public bool IsFetched(in FileStatus? there, TreeEntry entry) =>
        there is not { } file || (!entry.IsPart && request is { Overwrite: OverwritePolicy.Always, InPlace: false } && mark?.IsComplete(file, entry) != true);

    /// <summary>Whether the policy lets an entry take the place of what is there. Half a file never does: what is there may be whole.</summary>
    public bool MayReplace(in FileStatus there, TreeEntry entry) => request.Overwrite switch
    {
        _ when entry.IsPart => false,
        OverwritePolicy.Never or OverwritePolicy.Fail => false,
        OverwritePolicy.IfNewer => entry.Modified.CompareTo(there.Modified) > 0,
        _ => true,
    };

    /// <summary>A file with several names is one of several names in the snapshot too, and not another one than it was taken for before.</summary>
    private bool IsOfItsOwn(in FileStatus file, TreeEntry entry)
    {
        if (file.Links == 1) return true;
        return HardLinkKey.Of(entry) is { } key && _taken.GetOrAdd((file.Device, file.Inode), key) == key;
    }
}
