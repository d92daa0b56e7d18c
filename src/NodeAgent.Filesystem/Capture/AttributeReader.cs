using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Reads the extended attributes and flags of what the walk is at, and stores those that are too large for an entry. What cannot be read or stored costs nothing else.</summary>
internal sealed class AttributeReader(WriteSession session, IssueList issues)
{
    /// <summary>A longer value of an extended attribute is a chunk of its own: ext4 holds none without its ea_inode feature.</summary>
    private const int InlineLimit = 4096;

    /// <summary>What the values of one entry may take before nearly all of them become chunks: an entry must fit a page.</summary>
    private const int InlineSumLimit = 128 << 10;
    private const int SmallValue = 64;

    /// <summary>
    /// What all attributes of an entry may take in it. The other fields and the content that an entry may carry take an eighth of the longest entry at most. No file system of
    /// the kernel comes near: their names take 64 KiB, and have seven bytes at least.
    /// </summary>
    internal const int SumLimit = TreeLimits.MaxEntryLength / 8 * 7;

    /// <summary>The attributes as they are stored, the flags, and whether that is all there is. What is missing is an issue already.</summary>
    /// <param name="handle">Open to be read, or for what is neither a file nor a directory only named (O_PATH).</param>
    /// <param name="status">What it is.</param>
    /// <param name="path">For issues.</param>
    /// <param name="cancellationToken">Ends the storing.</param>
    public async ValueTask<(IReadOnlyList<ExtendedAttribute> Attributes, uint InodeFlags, bool IsComplete)> ReadAsync(
        DirectoryHandle handle, FileStatus status, TreePath path, CancellationToken cancellationToken)
    {
        var failures = new List<FileSystemException>();
        IReadOnlyList<ExtendedAttribute> attributes = [];
        uint flags = 0;
        var isOpen = status.Type is TreeEntryType.RegularFile or TreeEntryType.Directory;
        var isComplete = true;
        try
        {
            var read = isOpen ? Files.Attributes(handle, failures) : Files.AttributesOfNamed(handle, failures);
            isComplete = DropWhatDoesNotFit(read, path);
            attributes = await StoreAsync(read, cancellationToken);
        }
        catch (FileSystemException failure)
        {
            failures.Add(failure);
        }

        try
        {
            if (isOpen) flags = EntryOf.FlagsOf(handle);
        }
        catch (FileSystemException failure)
        {
            failures.Add(failure);
        }

        foreach (var failure in failures) issues.Add(path, failure.Operation, failure.Reason);
        return (attributes, flags, isComplete && failures.Count == 0);
    }

    private bool DropWhatDoesNotFit(List<ExtendedAttribute> attributes, TreePath path)
    {
        var limit = InlineLimitOf(attributes);
        var sum = 0L;
        var count = 0;
        while (count < attributes.Count && (sum += RoomOf(attributes[count], limit)) <= SumLimit) count++;
        if (count == attributes.Count) return true;
        issues.Add(path, "getxattr", $"{attributes.Count - count} of its {attributes.Count} extended attributes cannot be stored: together they take more than {SumLimit} bytes");
        attributes.RemoveRange(count, attributes.Count - count);
        return false;
    }

    /// <summary>Bytes in the entry: the name and the value or the chunk that holds it, each with a length of three bytes at most, and a kind.</summary>
    private static int RoomOf(ExtendedAttribute attribute, int limit) => attribute.Name.Length + (attribute.Length > limit ? ChunkId.Length : attribute.Length) + 7;

    private static int InlineLimitOf(List<ExtendedAttribute> attributes) => attributes.Sum(a => (long)a.Length) > InlineSumLimit ? SmallValue : InlineLimit;

    /// <summary>Large values become chunks, so that an entry stays small whatever a file carries.</summary>
    private async ValueTask<IReadOnlyList<ExtendedAttribute>> StoreAsync(List<ExtendedAttribute> attributes, CancellationToken cancellationToken)
    {
        if (attributes.Count == 0) return attributes;
        var limit = InlineLimitOf(attributes);
        for (var i = 0; i < attributes.Count; i++)
        {
            if (attributes[i].Length <= limit) continue;
            var stored = await session.StoreAsync(ChunkKind.Data, attributes[i].Value, cancellationToken);
            attributes[i] = new ExtendedAttribute(attributes[i].Name, stored.Id, attributes[i].Length);
        }

        return attributes;
    }
}
