using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>A value that users of the chart can set.</summary>
/// <param name="Path">Names with dots between them, as after <c>.Values.</c>.</param>
/// <param name="Default">YAML, as it stands in the manifest: one line, or a block whose first line has no indentation.</param>
/// <param name="Description">Lines of comment; empty where another place describes it.</param>
internal sealed record ChartValue(string Path, string Default, IReadOnlyList<string> Description)
{
    /// <summary>What a JSON schema asks of it beyond its type; null for nothing.</summary>
    public JsonObject? Schema { get; init; }
}
