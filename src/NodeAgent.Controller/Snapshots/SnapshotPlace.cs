namespace NodeAgent.Controller.Snapshots;

/// <summary>What a VolumeSnapshotLocation says, with what its Secret holds. No record: those print what they hold.</summary>
/// <param name="name">The location's name, for messages.</param>
/// <param name="config">The provider's settings.</param>
/// <param name="credentials">Content of the credentials file in the location's own Secret; empty when it names none, then the controller's own count.</param>
internal sealed class SnapshotPlace(string name, IReadOnlyDictionary<string, string> config, string credentials)
{
    public string Name => name;

    public IReadOnlyDictionary<string, string> Config => config;

    public string Credentials => credentials;

    public string Text(string key) => config.TryGetValue(key, out var value) ? value : "";
}
