using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// Reads fields of an object of the cluster by their path. The objects stay JSON, so that `-o json` prints every field there
/// is, and a field of the wrong type reads as absent: what is printed must not fail on what someone else wrote.
/// </summary>
internal static class ResourceFields
{
    public static string Name(this JsonObject resource) => resource.Text("metadata", "name");

    public static string Namespace(this JsonObject resource) => resource.Text("metadata", "namespace");

    /// <summary>The phase as people see it: New when there is none yet, Deleting when it is on its way out.</summary>
    public static string Phase(this JsonObject resource) =>
        resource.Text("metadata", "deletionTimestamp").Length > 0 ? "Deleting"
        : resource.Text("status", "phase") is { Length: > 0 } phase ? phase
        : "New";

    /// <summary>Text with control characters made visible; empty when absent.</summary>
    public static string Text(this JsonObject resource, params ReadOnlySpan<string> path) => DisplayText.OneLine(resource.Raw(path));

    /// <summary>Text exactly as it is stored; empty when absent.</summary>
    public static string Raw(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Node(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    public static long Number(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Node(path) is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && long.TryParse(value.ToJsonString(), CultureInfo.InvariantCulture, out var number) ? number : 0;

    public static bool? Flag(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Node(path) is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;

    public static DateTimeOffset? Time(this JsonObject resource, params ReadOnlySpan<string> path) =>
        DateTimeOffset.TryParse(resource.Raw(path), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    public static JsonObject? Object(this JsonObject resource, params ReadOnlySpan<string> path) => resource.Node(path) as JsonObject;

    public static JsonArray? Array(this JsonObject resource, params ReadOnlySpan<string> path) => resource.Node(path) as JsonArray;

    /// <summary>The objects of an array; whatever else stands in it is passed over.</summary>
    public static IEnumerable<JsonObject> Objects(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Array(path)?.OfType<JsonObject>() ?? [];

    public static string[] Texts(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Array(path) is { } array ? [.. array.OfType<JsonValue>().Select(value => DisplayText.OneLine(value.ToString()))] : [];

    public static (string Key, string Value)[] Pairs(this JsonObject resource, params ReadOnlySpan<string> path) =>
        resource.Object(path) is { } map
            ? [.. map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => (DisplayText.OneLine(pair.Key), DisplayText.OneLine(pair.Value?.ToString() ?? "")))]
            : [];

    public static string ToInvariant(this long number) => number.ToString(CultureInfo.InvariantCulture);

    private static JsonNode? Node(this JsonObject resource, ReadOnlySpan<string> path)
    {
        JsonNode? node = resource;
        foreach (var step in path)
        {
            if (node is not JsonObject map || !map.TryGetPropertyValue(step, out node))
                return null;
        }

        return node;
    }
}
