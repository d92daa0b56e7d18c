using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Backups;

/// <summary>The locations of a backup: the one that its spec names, and those of an annotation that sends it to several at once.</summary>
internal static class BackupLocations
{
    /// <summary>Annotation of a Backup or a Schedule: names of locations with commas between them.</summary>
    public const string Annotation = "nodeagent.io/storage-locations";

    /// <summary>The names, that of the spec first; none when the server's default is meant.</summary>
    public static IReadOnlyList<string> NamesOf(JsonObject backup)
    {
        var several = (backup.Annotation(Annotation) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return [.. (backup.Text("spec", "storageLocation") is { Length: > 0 } first ? several.Prepend(first) : several).Distinct(StringComparer.Ordinal)];
    }
}
