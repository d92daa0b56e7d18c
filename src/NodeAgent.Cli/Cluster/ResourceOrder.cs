using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NodeAgent.Cli.Cluster;

/// <summary>The order of a printed list: by name, but what a schedule made (name-yyyyMMddHHmmss) newest first.</summary>
internal static partial class ResourceOrder
{
    public static IEnumerable<JsonObject> ForPeople(IEnumerable<JsonObject> resources) =>
        resources.Select(resource => (Resource: resource, Name: Split(resource.Name())))
            .OrderBy(item => item.Name.Prefix, StringComparer.Ordinal)
            .ThenByDescending(item => item.Name.Stamp, StringComparer.Ordinal)
            .Select(item => item.Resource);

    private static (string Prefix, string Stamp) Split(string name) =>
        TimestampSuffix().Match(name) is { Success: true } match ? (name[..match.Index], match.Value) : (name, "");

    [GeneratedRegex("-[0-9]{14}$")]
    private static partial Regex TimestampSuffix();
}
