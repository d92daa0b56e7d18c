namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>Snapshots to which a policy is applied together.</summary>
/// <param name="Name">What they have in common, each with the word for it, such as host and path.</param>
/// <param name="Snapshots">The snapshots.</param>
public sealed record SnapshotGroup(IReadOnlyList<KeyValuePair<string, string>> Name, IReadOnlyList<Snapshot> Snapshots)
{
    /// <summary>Parts snapshots into groups, in the order of their names.</summary>
    public static List<SnapshotGroup> Divide(IEnumerable<Snapshot> snapshots, GroupKey by) =>
        [.. snapshots
            .GroupBy(snapshot => NameOf(snapshot.Manifest, by), NameComparer.Instance)
            .OrderBy(group => string.Join('\0', group.Key.Select(part => $"{part.Key}\0{part.Value}")), StringComparer.Ordinal)
            .Select(group => new SnapshotGroup(group.Key, [.. group]))];

    private static List<KeyValuePair<string, string>> NameOf(SnapshotManifest manifest, GroupKey by)
    {
        var source = manifest.Source;
        var isVolume = source.Kind == SnapshotSource.PodVolume;
        var identifiesVolume = isVolume && by.HasFlag(GroupKey.Volume);
        var name = new List<KeyValuePair<string, string>>();
        if (by.HasFlag(GroupKey.Host) && !identifiesVolume) Add("host", manifest.Hostname);
        if (by.HasFlag(GroupKey.Namespace) && isVolume) Add("namespace", source.Namespace);
        if (identifiesVolume && source.Pvc is not null) Add("pvc", source.Pvc);
        else if (identifiesVolume) Add("volume", $"{source.Pod}/{source.Volume}");
        if (by.HasFlag(GroupKey.Path) && !identifiesVolume) Add("path", source.Path);
        if (by.HasFlag(GroupKey.Tags)) Add("tags", string.Join(',', manifest.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}")));
        return name;

        void Add(string key, string? value) => name.Add(new KeyValuePair<string, string>(key, value ?? ""));
    }

    private sealed class NameComparer : IEqualityComparer<List<KeyValuePair<string, string>>>
    {
        public static readonly NameComparer Instance = new();

        public bool Equals(List<KeyValuePair<string, string>>? x, List<KeyValuePair<string, string>>? y) => x!.SequenceEqual(y!);

        public int GetHashCode(List<KeyValuePair<string, string>> name)
        {
            var hash = new HashCode();
            foreach (var part in name) hash.Add(part);
            return hash.ToHashCode();
        }
    }
}
