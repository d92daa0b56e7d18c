using System.Collections.Concurrent;

namespace NodeAgent.Filesystem;

/// <summary>
/// Collects issues from all workers: every one is counted, the first thousand are kept, unless they say too much. What is
/// kept goes into the snapshot, and a snapshot that issues made too large could not be published at all.
/// </summary>
internal sealed class IssueList
{
    public const int Kept = 1000;

    /// <summary>
    /// Bytes of paths and characters of reasons that are kept. As JSON each takes 6 bytes at most, and a path once more
    /// as base64: less than 8 MiB of the 16 that a snapshot may have.
    /// </summary>
    public const int KeptLength = 1 << 20;

    /// <summary>PATH_MAX: a path that a call takes is kept whole.</summary>
    public const int MaxPath = 4096;

    private const int MaxReason = 2048;

    private readonly ConcurrentQueue<FileIssue> _issues = new();
    private long _count;
    private long _length;
    private long _metadataOnly;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>How many of them left the file's content whole.</summary>
    public long MetadataOnly => Interlocked.Read(ref _metadataOnly);

    public IReadOnlyList<FileIssue> Issues => [.. _issues.Take(Kept)];

    public void Add(TreePath path, string operation, string reason, bool isMetadataOnly = false)
    {
        if (isMetadataOnly) Interlocked.Increment(ref _metadataOnly);
        if (Interlocked.Increment(ref _count) > Kept || Interlocked.Read(ref _length) >= KeptLength) return;
        var issue = new FileIssue(Shorten(path), operation, Shorten(reason), isMetadataOnly);
        if (Interlocked.Add(ref _length, issue.Path.Length + operation.Length + issue.Reason.Length) <= KeptLength) _issues.Enqueue(issue);
    }

    /// <summary>Where something is and what it is called are at the two ends of its path.</summary>
    private static byte[] Shorten(TreePath path)
    {
        var bytes = path.ToBytes();
        const int half = (MaxPath - 5) / 2;
        return bytes.Length <= MaxPath ? bytes : [.. bytes.AsSpan(0, half), .. " ... "u8, .. bytes.AsSpan(bytes.Length - half)];
    }

    private static string Shorten(string reason)
    {
        const int half = (MaxReason - 5) / 2;
        return reason.Length <= MaxReason ? reason : string.Concat(reason.AsSpan(0, half), " ... ", reason.AsSpan(reason.Length - half));
    }
}
