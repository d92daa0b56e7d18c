using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>A snapshot that has a mark, and its object is still there.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Snapshot">What it says; null when it cannot be read.</param>
/// <param name="Forgotten">When the first of its marks was written, by the store's clock.</param>
/// <param name="Reason">What that mark gives as the reason, for people.</param>
public sealed record ForgottenSnapshot(SnapshotId Id, Snapshot? Snapshot, DateTimeOffset Forgotten, string? Reason)
{
    /// <summary>Until when, by the store's clock, nothing of it may be removed, so that it can be brought back.</summary>
    public DateTimeOffset Until => Forgotten + SnapshotCatalog.ForgetGrace;
}
