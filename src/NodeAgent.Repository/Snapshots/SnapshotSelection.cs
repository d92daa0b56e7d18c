using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>Finds among snapshots the one that is meant.</summary>
public static class SnapshotSelection
{
    /// <summary>The word for the newest one.</summary>
    public const string Latest = "latest";

    private const int ShortLength = 12;
    private const int MaxListed = 8;

    /// <summary>The newest snapshot that matches for "latest", else the only one whose id begins with <paramref name="reference"/>.</summary>
    /// <param name="snapshots">Those that are not forgotten.</param>
    /// <param name="reference">"latest", or hexadecimal digits.</param>
    /// <param name="filter">What is meant; null for all.</param>
    /// <exception cref="SnapshotNotFoundException">None or several fit.</exception>
    public static Snapshot Resolve(IReadOnlyCollection<Snapshot> snapshots, string reference, SnapshotFilter? filter)
    {
        var meant = filter is null ? [.. snapshots] : snapshots.Where(snapshot => filter.Matches(snapshot.Manifest)).ToList();
        var there = filter is null ? $"the repository has {snapshots.Count} snapshots" : $"{meant.Count} of the {snapshots.Count} snapshots match the filter";
        if (reference == Latest)
            return Newest(meant) ?? throw new SnapshotNotFoundException($"there is no latest snapshot: {there}", []);
        var prefix = reference.ToLowerInvariant();
        var fitting = prefix.Length == 0 ? [] : meant.Where(snapshot => snapshot.Id.ToString().StartsWith(prefix, StringComparison.Ordinal)).ToList();
        if (fitting.Count == 1)
            return fitting[0];
        if (fitting.Count > 1)
        {
            throw new SnapshotNotFoundException(
                $"snapshot \"{Printable(reference)}\" is ambiguous, {fitting.Count} fit: {Describe(fitting)}; give more digits", [.. fitting.Select(snapshot => snapshot.Id)]);
        }
        var near = Near(meant, prefix);
        var hint = near.Count > 0 ? $"; near: {Describe(near)}" : "";
        throw new SnapshotNotFoundException($"snapshot \"{Printable(reference)}\" is not found: {there}{hint}", [.. near.Select(snapshot => snapshot.Id)]);
    }

    /// <summary>The newest snapshot of the same source, which a backup takes unchanged files from; null for none.</summary>
    public static Snapshot? LatestFor(IEnumerable<Snapshot> snapshots, SnapshotSource source, string? hostname) =>
        Newest(snapshots.Where(snapshot => SnapshotSource.IsSame(snapshot.Manifest.Source, snapshot.Manifest.Hostname, source, hostname)));

    private static Snapshot? Newest(IEnumerable<Snapshot> snapshots)
    {
        Snapshot? newest = null;
        foreach (var snapshot in snapshots)
        {
            if (newest is null || snapshot.Manifest.Time > newest.Manifest.Time
                || (snapshot.Manifest.Time == newest.Manifest.Time && string.CompareOrdinal(snapshot.Id.ToString(), newest.Id.ToString()) < 0)) newest = snapshot;
        }

        return newest;
    }

    private static List<Snapshot> Near(List<Snapshot> snapshots, string prefix)
    {
        for (var length = Math.Min(prefix.Length - 1, 2 * ChunkId.Length); length >= 2; length--)
        {
            var start = prefix[..length];
            var near = snapshots.Where(snapshot => snapshot.Id.ToString().StartsWith(start, StringComparison.Ordinal)).ToList();
            if (near.Count > 0)
                return near;
        }
        return [];
    }

    private static string Describe(List<Snapshot> snapshots)
    {
        var text = string.Join(", ", snapshots.Take(MaxListed).Select(snapshot =>
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{snapshot.Id.ToString()[..ShortLength]} ({snapshot.Manifest.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss})")));
        return snapshots.Count > MaxListed ? $"{text}, and {snapshots.Count - MaxListed} more" : text;
    }

    private static string Printable(string text) =>
        string.Concat((text.Length > 80 ? text[..80] : text).Select(c => char.IsControl(c) ? '?' : c));
}
