using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What the second mark decided.</summary>
/// <param name="Gone">The snapshots that were not counted: nobody takes them back any more.</param>
/// <param name="Ready">The own records under which packs go now.</param>
/// <param name="Going">These packs.</param>
/// <param name="Missing">Packs that the index names and that are not there.</param>
/// <param name="TakenBack">How many packs were taken back.</param>
/// <param name="Left">How many are left to a later run.</param>
internal sealed record SecondMarkResult(IReadOnlySet<SnapshotId> Gone, IReadOnlyList<LedgerEntry> Ready, IReadOnlyCollection<PackId> Going, IReadOnlyCollection<PackId> Missing, int TakenBack, int Left);
