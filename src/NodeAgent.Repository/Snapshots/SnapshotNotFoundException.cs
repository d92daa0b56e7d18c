using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>No snapshot, or more than one, is what was asked for. The message says which there are.</summary>
public sealed class SnapshotNotFoundException : RepositoryException
{
    internal SnapshotNotFoundException(string message, IReadOnlyList<SnapshotId> candidates)
        : base(message) => Candidates = candidates;

    /// <summary>Those the prefix fits when it fits several; else those that come near.</summary>
    public IReadOnlyList<SnapshotId> Candidates { get; }
}
