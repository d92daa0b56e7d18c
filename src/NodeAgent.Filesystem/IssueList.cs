using System.Collections.Concurrent;

namespace NodeAgent.Filesystem;

/// <summary>Collects issues from all workers: every one is counted, the first thousand are kept.</summary>
internal sealed class IssueList
{
    public const int Kept = 1000;

    private readonly ConcurrentQueue<FileIssue> _issues = new();
    private long _count;
    private long _metadataOnly;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>How many of them left the file's content whole.</summary>
    public long MetadataOnly => Interlocked.Read(ref _metadataOnly);

    public IReadOnlyList<FileIssue> Issues => [.. _issues.Take(Kept)];

    public void Add(TreePath path, string operation, string reason, bool isMetadataOnly = false)
    {
        if (isMetadataOnly) Interlocked.Increment(ref _metadataOnly);
        if (Interlocked.Increment(ref _count) <= Kept) _issues.Enqueue(new FileIssue(path.ToBytes(), operation, reason, isMetadataOnly));
    }
}
