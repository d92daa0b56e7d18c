using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>Makes sure that what a new snapshot refers to will stay.</summary>
internal interface ISnapshotRescue
{
    /// <summary>
    /// Goes through the whole tree of the snapshot. A chunk that is in no pack that is named by the index, there, and not condemned by the ledger is read
    /// from wherever it can be, stored again by the own session, and indexed.
    /// </summary>
    /// <exception cref="SnapshotAbandonedException">A chunk cannot be read any more.</exception>
    Task RescueAsync(Ledger ledger, CancellationToken cancellationToken);
}
