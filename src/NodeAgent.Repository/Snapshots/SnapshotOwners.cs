namespace NodeAgent.Repository.Snapshots;

/// <summary>Names of owners on the machine that was backed up.</summary>
public sealed record SnapshotOwners
{
    /// <summary>User names by uid.</summary>
    public IReadOnlyDictionary<string, string> Users { get; init; } = new Dictionary<string, string>();

    /// <summary>Group names by gid.</summary>
    public IReadOnlyDictionary<string, string> Groups { get; init; } = new Dictionary<string, string>();
}
