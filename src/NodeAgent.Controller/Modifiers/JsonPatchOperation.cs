using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Modifiers;

/// <summary>One step of a JSON patch (RFC 6902).</summary>
/// <param name="Name">add, remove, replace, test, move or copy.</param>
/// <param name="From">Source of move and copy.</param>
internal sealed record JsonPatchOperation(string Name, JsonPointer Path, JsonPointer? From, JsonNode? Value)
{
    /// <summary>
    /// The JSON that a value stands for, which modifiers write as text: null, booleans, numbers, objects and arrays are what they look like; all
    /// else, and whatever stands in quotation marks, is a string.
    /// </summary>
    /// <exception cref="FormatException">The value begins like an object or array and is none.</exception>
    public static JsonNode? ParseValue(string text)
    {
        if (text.Length >= 2 && text.StartsWith('"') && text.EndsWith('"')) return Text(text[1..^1]);
        if (text == "null") return null;
        if (text.Equals("true", StringComparison.OrdinalIgnoreCase)) return JsonValue.Create(true);
        if (text.Equals("false", StringComparison.OrdinalIgnoreCase)) return JsonValue.Create(false);
        if (text is ['{' or '[', ..])
        {
            return TryParse(text, out var json) ? json : throw new FormatException($"value {text}: neither a JSON object nor an array; put a text that begins so into quotation marks");
        }

        return text is ['-' or (>= '0' and <= '9'), ..] && TryParse(text, out var number) ? number : Text(text);
    }

    public override string ToString() => From is null ? $"{Name} {Path}" : $"{Name} {From} to {Path}";

    /// <summary>Escapes such as \n mean what they mean in JSON, as far as the text is JSON's.</summary>
    private static JsonNode Text(string text) => TryParse($"\"{text}\"", out var json) ? json! : JsonValue.Create(text);

    private static bool TryParse(string text, out JsonNode? json)
    {
        try
        {
            json = JsonNode.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            json = null;
            return false;
        }
    }
}
