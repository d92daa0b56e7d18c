using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>What a recovery found and did.</summary>
/// <param name="Trees">Directories that no snapshot leads to, the newest first.</param>
/// <param name="Unreadable">Pages and packs that could not be read.</param>
/// <param name="Snapshot">The snapshot that was written; null for none.</param>
/// <param name="Losses">What is lost in it.</param>
public sealed record SnapshotRecoveryReport(IReadOnlyList<RecoverableTree> Trees, int Unreadable, SnapshotId? Snapshot, IReadOnlyList<TreeLoss> Losses);
