using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>One step of the walk, in order: an entry whose content may still be on its way, or the end of a directory.</summary>
/// <param name="Entry">The entry; null for the end of a directory.</param>
/// <param name="Content">The content of a regular file, when it is known; null when the entry has it, or <see cref="Slice"/> says where it will be.</param>
/// <param name="Path">The path, for issues.</param>
internal sealed record CapturedEntry(TreeEntry? Entry, Task<CapturedContent>? Content, TreePath Path)
{
    public static CapturedEntry EndOfDirectory { get; } = new(null, null, TreePath.Root);

    /// <summary>The end of a directory that holds something of which not even an entry could be made.</summary>
    public static CapturedEntry EndOfIncompleteDirectory { get; } = EndOfDirectory with { IsIncomplete = true };

    public bool IsIncomplete { get; private init; }

    /// <summary>Where the content of a small file will be.</summary>
    public PendingSlice? Slice { get; init; }
}

/// <summary>What was read of a regular file.</summary>
/// <param name="Content">Where its bytes are; null when it could not be read.</param>
/// <param name="Size">Bytes read.</param>
/// <param name="Changed">Whether it changed while it was read, twice, or its size does not say how much it holds: nobody is to take it for unchanged.</param>
/// <param name="Moment">What the file was when this was read. The entry takes it: it may be from an earlier look, or of another name of the file and from a later one.</param>
internal sealed record CapturedContent(FileContent? Content, long Size, bool Changed, FileMoment Moment)
{
    /// <summary>The attributes of that moment; null where those of the entry are. Never null where other names take this: what was looked at later must not be mixed with it.</summary>
    public CapturedAttributes? Attributes { get; init; }
}
