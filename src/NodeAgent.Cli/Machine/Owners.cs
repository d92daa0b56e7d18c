using System.Globalization;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Names of users and groups as the snapshot recorded them; those of this machine would be someone else's.</summary>
internal static class Owners
{
    public static string User(SnapshotManifest manifest, uint id) => Name(manifest.Owners?.Users, id);

    public static string Group(SnapshotManifest manifest, uint id) => Name(manifest.Owners?.Groups, id);

    private static string Name(IReadOnlyDictionary<string, string>? names, uint id)
    {
        var text = id.ToString(CultureInfo.InvariantCulture);
        return names is not null && names.TryGetValue(text, out var name) ? DisplayText.Name(name) : text;
    }
}
