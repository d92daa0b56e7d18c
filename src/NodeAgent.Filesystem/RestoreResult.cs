namespace NodeAgent.Filesystem;

/// <summary>How a restore ended.</summary>
/// <param name="Files">Regular files restored.</param>
/// <param name="Directories">Directories restored.</param>
/// <param name="Others">Links, fifos and devices restored.</param>
/// <param name="Bytes">Bytes of the files.</param>
/// <param name="Skipped">Files that were there and stayed.</param>
/// <param name="Issues">What could not be restored as it was; at most a thousand.</param>
/// <param name="IssueCount">How much could not, listed or not.</param>
public sealed record RestoreResult(long Files, long Directories, long Others, long Bytes, long Skipped, IReadOnlyList<FileIssue> Issues, long IssueCount)
{
    /// <summary>Whether everything is as it was.</summary>
    public bool IsComplete => IssueCount == 0;

    /// <summary>How many of the issues left all content in place that the snapshot has; see <see cref="FileIssue.IsMetadataOnly"/>.</summary>
    public long MetadataIssueCount { get; init; }

    /// <summary>How many of the files were there already, with the content of the snapshot, and were not written.</summary>
    public long Unchanged { get; init; }

    /// <summary>What was removed because the snapshot does not have it.</summary>
    public long Deleted { get; init; }
}
