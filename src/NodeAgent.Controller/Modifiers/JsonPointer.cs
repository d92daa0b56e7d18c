using System.Globalization;
using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Modifiers;

/// <summary>A place in a JSON document (RFC 6901), of at least one step.</summary>
internal sealed class JsonPointer
{
    private readonly string _text;
    private readonly string[] _steps;

    private JsonPointer(string text, string[] steps) => (_text, _steps) = (text, steps);

    /// <summary>The last step: a property's name or an index.</summary>
    public string Last => _steps[^1];

    /// <exception cref="FormatException">The text is no pointer.</exception>
    public static JsonPointer Parse(string text) => text.StartsWith('/')
        ? new JsonPointer(text, [.. text[1..].Split('/').Select(s => s.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))])
        : throw new FormatException($"path \"{text}\" does not begin with /");

    /// <summary>The object or array that the place is in; null when there is none.</summary>
    public JsonNode? Parent(JsonNode document)
    {
        var node = document;
        foreach (var step in _steps[..^1])
        {
            node = node switch
            {
                JsonObject o when o.TryGetPropertyValue(step, out var next) => next,
                JsonArray a when TryIndex(step, a.Count, a.Count, out var index) => a[index],
                _ => null,
            };
        }

        return node is JsonObject or JsonArray ? node : null;
    }

    /// <summary>Whether this place is within that one.</summary>
    public bool IsWithin(JsonPointer other) => _steps.Length > other._steps.Length && _steps.AsSpan(0, other._steps.Length).SequenceEqual(other._steps);

    /// <summary>An index below the limit. One below zero counts from the end of the list.</summary>
    public static bool TryIndex(string step, int count, int limit, out int index)
    {
        if (!int.TryParse(step, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out index) || step[0] == '+') return false;
        if (index < 0) index += count;
        return index >= 0 && index < limit;
    }

    public override string ToString() => _text;
}
