using System.Collections.Concurrent;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>
/// What snapshots were taken of, as far as it was read before. Snapshots never change, and an id names one in whatever repository it is, so
/// nothing in here grows old. For a process that makes many backups: each looks for the snapshot that it continues, among those of all sources.
/// Safe for concurrent use.
/// </summary>
public sealed class SnapshotSourceCache
{
    // About 200 bytes each.
    private const int Limit = 200_000;

    private readonly ConcurrentDictionary<SnapshotId, (SnapshotSource Source, string? Hostname)> _known = new();

    /// <summary>How many snapshots are known.</summary>
    public int Count => _known.Count;

    internal bool TryGet(SnapshotId id, out (SnapshotSource Source, string? Hostname) of) => _known.TryGetValue(id, out of);

    internal void Add(Snapshot snapshot)
    {
        // Begun anew rather than grown without end; what is asked for again is read again.
        if (_known.Count >= Limit) _known.Clear();
        _known[snapshot.Id] = (snapshot.Manifest.Source, snapshot.Manifest.Hostname);
    }
}
