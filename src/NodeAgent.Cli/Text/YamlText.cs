using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NodeAgent.Cli.Text;

/// <summary>
/// Writes JSON as YAML the way kubectl does: keys in order of the alphabet, lists flush with their key, quotes only where a
/// reader would otherwise take the text for something else.
/// </summary>
internal static partial class YamlText
{
    public static string Format(JsonNode? node)
    {
        var text = new StringBuilder();
        switch (node)
        {
            case JsonObject { Count: > 0 } map:
                AppendMap(text, map, 0, startsOnOwnLine: true);
                break;
            case JsonArray { Count: > 0 } list:
                AppendList(text, list, 0);
                break;
            default:
                text.Append(Scalar(node, 0)).Append('\n');
                break;
        }

        return text.ToString();
    }

    private static void AppendMap(StringBuilder text, JsonObject map, int indent, bool startsOnOwnLine)
    {
        foreach (var (key, value) in map.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            // The first key of a list item stands right after its dash.
            if (startsOnOwnLine)
                text.Append(' ', indent);
            startsOnOwnLine = true;
            text.Append(Quoted(key)).Append(':');
            switch (value)
            {
                case JsonObject { Count: > 0 } child:
                    text.Append('\n');
                    AppendMap(text, child, indent + 2, startsOnOwnLine: true);
                    break;
                case JsonArray { Count: > 0 } child:
                    text.Append('\n');
                    AppendList(text, child, indent);
                    break;
                default:
                    text.Append(' ').Append(Scalar(value, indent + 2)).Append('\n');
                    break;
            }
        }
    }

    private static void AppendList(StringBuilder text, JsonArray list, int indent)
    {
        foreach (var item in list)
        {
            text.Append(' ', indent).Append("- ");
            switch (item)
            {
                case JsonObject { Count: > 0 } child:
                    AppendMap(text, child, indent + 2, startsOnOwnLine: false);
                    break;
                case JsonArray { Count: > 0 } child:
                    // A list in a list: the inner dash follows the outer one on the same line.
                    var start = text.Length;
                    AppendList(text, child, indent + 2);
                    text.Remove(start, indent + 2);
                    break;
                default:
                    text.Append(Scalar(item, indent + 2)).Append('\n');
                    break;
            }
        }
    }

    private static string Scalar(JsonNode? node, int indent) => node switch
    {
        null => "null",
        JsonObject => "{}",
        JsonArray => "[]",
        _ when node.GetValueKind() == JsonValueKind.String => Text(node.GetValue<string>(), indent),
        _ => node.ToJsonString(),
    };

    private static string Text(string value, int indent)
    {
        // A block literal keeps scripts and certificates readable. It cannot hold what YAML would trim or not print.
        if (!value.Contains('\n') || value.Length < 2 || value[0] is ' ' or '\n' or '\t' || value.AsSpan().ContainsAnyInRange('\0', '\b')
            || value.AsSpan().ContainsAnyInRange('\u000b', '\u001f') || value.Contains(" \n", StringComparison.Ordinal) || value.Contains('\u007f'))
            return Quoted(value);
        var chomping = !value.EndsWith('\n') ? "-" : value.EndsWith("\n\n", StringComparison.Ordinal) ? "+" : "";
        var block = new StringBuilder("|").Append(chomping);
        foreach (var line in (value.EndsWith('\n') ? value[..^1] : value).Split('\n'))
        {
            block.Append('\n');
            if (line.Length > 0)
                block.Append(' ', indent).Append(line);
        }

        return block.ToString();
    }

    private static string Quoted(string value)
    {
        if (value.Length == 0)
            return "\"\"";
        if (value.AsSpan().ContainsAnyInRange('\0', '\u001f') || value.AsSpan().ContainsAnyInRange('\u007f', '\u009f')
            || value.AsSpan().ContainsAny('\u2028', '\u2029', '\ufeff') || value.Any(char.IsSurrogate))
            return DoubleQuoted(value);
        if (LooksLikeAnotherType(value))
            return $"\"{value}\"";
        var needsQuotes = "!&*?|>'\"%@`#,[]{}".Contains(value[0]) || value[0] == ' ' || value[^1] is ' ' or ':'
            || (value[0] is '-' or ':' && (value.Length == 1 || value[1] == ' '))
            || value.Contains(": ", StringComparison.Ordinal) || value.Contains(" #", StringComparison.Ordinal) || value is "---" or "...";
        return needsQuotes ? $"'{value.Replace("'", "''", StringComparison.Ordinal)}'" : value;
    }

    private static bool LooksLikeAnotherType(string value) =>
        value.ToUpperInvariant() is "NULL" or "~" or "TRUE" or "FALSE" or "YES" or "NO" or "ON" or "OFF" or "Y" or "N" or "<<" or "="
        || NumberOrDate().IsMatch(value);

    private static string DoubleQuoted(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' or (>= '\u007f' and <= '\u009f') or '\u2028' or '\u2029' or '\ufeff' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }

        return text.Append('"').ToString();
    }

    [GeneratedRegex(@"^[-+]?(\.?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+|\.(inf|Inf|INF)|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$|^\.(nan|NaN|NAN)$|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$")]
    private static partial Regex NumberOrDate();
}
