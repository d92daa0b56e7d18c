namespace NodeAgent.Repository.Snapshots;

/// <summary>A snapshot of another repository.</summary>
/// <param name="Repository">Id of the repository, in hexadecimal.</param>
/// <param name="Snapshot">Id of the snapshot there, in hexadecimal.</param>
public sealed record SnapshotOrigin(string Repository, string Snapshot);
