using System.Collections.Concurrent;

namespace NodeAgent.Filesystem;

/// <summary>Collects issues from all workers: every one is counted, the first thousand are kept.</summary>
internal sealed class IssueList
{
    public const int Kept = 1000;

    private readonly ConcurrentQueue<FileIssue> _issues = new();
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    public IReadOnlyList<FileIssue> Issues => [.. _issues.Take(Kept)];

    public void Add(byte[] path, string operation, string reason)
    {
        if (Interlocked.Increment(ref _count) <= Kept) _issues.Enqueue(new FileIssue(path, operation, reason));
    }
}
