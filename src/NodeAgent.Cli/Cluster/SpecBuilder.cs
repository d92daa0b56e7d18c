using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.Cluster;

/// <summary>Collects the fields of a spec and leaves out every one that was not given, so that the server's defaults hold.</summary>
internal sealed class SpecBuilder
{
    private readonly JsonObject _spec = [];

    public SpecBuilder Set(string field, string? value) => string.IsNullOrEmpty(value) ? this : Set(field, JsonValue.Create(value));

    public SpecBuilder Set(string field, string[]? values) =>
        values is { Length: > 0 } ? Set(field, new JsonArray([.. values.Select(value => JsonValue.Create(value))])) : this;

    public SpecBuilder Set(string field, bool? value) => value is { } given ? Set(field, JsonValue.Create(given)) : this;

    public SpecBuilder Set(string field, TimeSpan? value) => value is { } given ? Set(field, JsonValue.Create(GoDuration.Format(given))) : this;

    public SpecBuilder Set(string field, Dictionary<string, string>? map) => map is { Count: > 0 } ? Set(field, Map(map)) : this;

    public SpecBuilder Set(string field, JsonNode node)
    {
        _spec[field] = node;
        return this;
    }

    public JsonObject Build() => _spec;

    public static JsonObject Map(IReadOnlyDictionary<string, string> map) =>
        new([.. map.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value)))]);

    /// <summary>Labels and annotations, when there are any.</summary>
    public static void SetMetadata(JsonObject resource, Dictionary<string, string>? labels, Dictionary<string, string>? annotations)
    {
        var metadata = resource["metadata"]!.AsObject();
        if (labels is { Count: > 0 })
            metadata["labels"] = Map(labels);
        if (annotations is { Count: > 0 })
            metadata["annotations"] = Map(annotations);
    }
}
