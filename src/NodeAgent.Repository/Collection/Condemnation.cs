using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What a collection has condemned.</summary>
/// <param name="Numbers">Of its condemn records.</param>
/// <param name="Ledger">As it was under the exclusive fence, if there was one.</param>
/// <param name="Gone">The snapshots that are not counted.</param>
internal sealed record Condemnation(IReadOnlyList<int> Numbers, Ledger Ledger, Dictionary<SnapshotId, MarkedSnapshot> Gone);
