using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Reads single objects out of lists and watch events. One that does not fit its type does not spoil its neighbours.</summary>
internal sealed class ObjectReader<T>(ResourceKind kind, JsonTypeInfo<T> type)
    where T : class
{
    /// <summary>Reads the value that the reader stands at and leaves the reader at its end.</summary>
    /// <exception cref="JsonException">What follows is no JSON.</exception>
    public (T? Object, MalformedObject? Malformed) Read(ref Utf8JsonReader reader)
    {
        var start = reader;
        try
        {
            if (JsonSerializer.Deserialize(ref reader, type) is { } item)
            {
                Complete(item);
                return (item, null);
            }

            throw new JsonException("an object was expected, not null");
        }
        catch (JsonException e)
        {
            // Read once more as mere JSON: broken syntax throws here, a wrong type does not.
            reader = start;
            var json = JsonNode.Parse(ref reader) as JsonObject ?? [];
            Complete(json);
            return (null, new MalformedObject(new KubernetesObject(json), Problem(e)));
        }
    }

    /// <summary>What there is to say of an object whose text cannot be read as a whole: its name.</summary>
    public MalformedObject Unreadable(ReadOnlySpan<byte> text, JsonException reason)
    {
        var json = new JsonObject();
        var reader = new Utf8JsonReader(text, KubernetesJson.Scanner);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata");
            reader.Read();
            if (isMetadata) json["metadata"] = Name(ref reader);
            else reader.Skip();
        }

        Complete(json);
        return new MalformedObject(new KubernetesObject(json), Problem(reason));
    }

    private static JsonObject Name(ref Utf8JsonReader reader)
    {
        var metadata = new JsonObject();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return metadata;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.GetString()!;
            reader.Read();
            if (field is "name" or "namespace" or "uid" && reader.TokenType == JsonTokenType.String) metadata[field] = reader.GetString();
            else reader.Skip();
        }

        return metadata;
    }

    /// <summary>Which field, and what is wrong with it; positions in a text that nobody sees are left out.</summary>
    private static string Problem(JsonException e)
    {
        var end = e.Message.IndexOf(" Path: ", StringComparison.Ordinal);
        var message = OneLine.Of(end < 0 ? e.Message : e.Message[..end]);
        return e.Path is { Length: > 2 } path ? $"{OneLine.Of(path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path)}: {message}" : message;
    }

    /// <summary>Lists of built-in types leave apiVersion and kind out of their items; metadata alone is of a kind of its own.</summary>
    private void Complete(object item)
    {
        var json = item as JsonObject ?? (item as KubernetesObject)?.Json;
        if (json is null) return;
        if (json["kind"] is JsonValue value && value.TryGetValue<string>(out var text) && text == "PartialObjectMetadata")
        {
            json["kind"] = kind.Kind;
            json["apiVersion"] = kind.ApiVersion;
        }

        if (!json.ContainsKey("kind")) json.Insert(0, "kind", kind.Kind);
        if (!json.ContainsKey("apiVersion")) json.Insert(0, "apiVersion", kind.ApiVersion);
    }
}
