namespace NodeAgent.Repository.Repair;

/// <summary>What a repair of snapshots found and did.</summary>
/// <param name="Looked">Snapshots that were gone through.</param>
/// <param name="Snapshots">Those of which something is lost.</param>
/// <param name="Unreadable">Those whose object is damaged.</param>
public sealed record SnapshotRepairReport(int Looked, IReadOnlyList<RepairedSnapshot> Snapshots, IReadOnlyList<DamagedSnapshotObject> Unreadable);
