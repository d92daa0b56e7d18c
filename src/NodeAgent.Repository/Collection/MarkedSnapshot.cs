using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A snapshot with marks that forget it.</summary>
/// <param name="Id">The snapshot.</param>
/// <param name="Marks">The names of its marks.</param>
/// <param name="IsMature">Whether all of them are older than the grace.</param>
internal sealed record MarkedSnapshot(SnapshotId Id, IReadOnlyList<string> Marks, bool IsMature);
