using System.Text.Json;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Reads one page of a list in a single pass.</summary>
internal static class PageReader
{
    /// <exception cref="JsonException">The text is no list.</exception>
    public static ObjectPage<T> Read<T>(ReadOnlySpan<byte> json, ObjectReader<T> objects)
        where T : class
    {
        try
        {
            return Read(json, objects, KubernetesJson.Reader);
        }
        catch (JsonException)
        {
            // One object that is nested too deep does not take the others with it; other faults come up again.
            return Read(json, objects, KubernetesJson.Scanner);
        }
    }

    private static ObjectPage<T> Read<T>(ReadOnlySpan<byte> json, ObjectReader<T> objects, JsonReaderOptions options)
        where T : class
    {
        var items = new List<T>();
        var malformed = new List<MalformedObject>();
        var (version, next, remaining) = ("", "", (long?)null);
        var reader = new Utf8JsonReader(json, options);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new JsonException("a list was expected");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("metadata"))
            {
                reader.Read();
                (version, next, remaining) = ReadMetadata(ref reader);
            }
            else if (reader.ValueTextEquals("items"))
            {
                reader.Read();
                // An empty list is null in some servers' answers.
                if (reader.TokenType == JsonTokenType.Null) continue;
                if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("the items of a list are no array");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    var (item, problem) = options.MaxDepth > KubernetesJson.Reader.MaxDepth ? ReadApart(json, ref reader, objects) : objects.Read(ref reader);
                    if (item is not null) items.Add(item);
                    if (problem is not null) malformed.Add(problem);
                }
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return new ObjectPage<T>(items, malformed, version, next, remaining);
    }

    /// <summary>The reader goes to the end of the object whatever is in it.</summary>
    private static (T? Object, MalformedObject? Malformed) ReadApart<T>(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ObjectReader<T> objects)
        where T : class
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        var text = json[start..(int)reader.BytesConsumed];
        try
        {
            var single = new Utf8JsonReader(text, KubernetesJson.Reader);
            single.Read();
            return objects.Read(ref single);
        }
        catch (JsonException e)
        {
            return (null, objects.Unreadable(text, e));
        }
    }

    private static (string Version, string Continue, long? Remaining) ReadMetadata(ref Utf8JsonReader reader)
    {
        var (version, next, remaining) = ("", "", (long?)null);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return (version, next, remaining);
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (name == "resourceVersion" && reader.TokenType == JsonTokenType.String) version = reader.GetString() ?? "";
            else if (name == "continue" && reader.TokenType == JsonTokenType.String) next = reader.GetString() ?? "";
            else if (name == "remainingItemCount" && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count)) remaining = count;
            else reader.Skip();
        }

        return (version, next, remaining);
    }
}
