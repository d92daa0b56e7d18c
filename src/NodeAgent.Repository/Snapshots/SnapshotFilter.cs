namespace NodeAgent.Repository.Snapshots;

/// <summary>Which snapshots are meant: those that match everything that is set.</summary>
public sealed record SnapshotFilter
{
    /// <summary>The machine.</summary>
    public string? Host { get; init; }

    /// <summary>The directory.</summary>
    public string? Path { get; init; }

    /// <summary>The pod's namespace.</summary>
    public string? Namespace { get; init; }

    /// <summary>The pod.</summary>
    public string? Pod { get; init; }

    /// <summary>The volume by its name in the pod.</summary>
    public string? Volume { get; init; }

    /// <summary>Tags that must all be there with these values.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether nothing is set, so that all are meant.</summary>
    public bool IsEmpty => Host is null && Path is null && Namespace is null && Pod is null && Volume is null && Tags.Count == 0;

    /// <summary>Whether a snapshot is meant.</summary>
    public bool Matches(SnapshotManifest manifest) =>
        (Host is null || Host == manifest.Hostname)
        && (Path is null || Path == manifest.Source.Path)
        && (Namespace is null || Namespace == manifest.Source.Namespace)
        && (Pod is null || Pod == manifest.Source.Pod)
        && (Volume is null || Volume == manifest.Source.Volume)
        && Tags.All(tag => manifest.Tags.TryGetValue(tag.Key, out var value) && value == tag.Value);
}
