namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>A tag that a snapshot must have.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Value">Its value; null for any.</param>
public sealed record RetentionTag(string Key, string? Value)
{
    /// <summary>Whether a snapshot has it.</summary>
    public bool IsOn(SnapshotManifest manifest) => manifest.Tags.TryGetValue(Key, out var value) && (Value is null || Value == value);

    /// <inheritdoc/>
    public override string ToString() => Value is null ? Key : $"{Key}={Value}";
}
