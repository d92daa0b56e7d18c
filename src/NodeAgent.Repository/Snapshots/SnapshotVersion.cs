namespace NodeAgent.Repository.Snapshots;

/// <summary>The one field of a manifest that every version has.</summary>
internal sealed record SnapshotVersion(int Version);
