using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Kubernetes.Yaml;

/// <summary>
/// Reads a document that people write, YAML or JSON, into JSON, with the scalar types that Kubernetes' own reader gives it. A key that stands
/// twice in a mapping is refused: one of the two would be lost.
/// </summary>
public static partial class YamlJson
{
    private const int MaxDepth = 200;

    // Aliases can make a short text into an endless one.
    private const int MaxNodes = 100_000;

    /// <summary>The one document of the text; null for an empty one.</summary>
    /// <exception cref="FormatException">The text is not one document; the message names the line.</exception>
    public static JsonNode? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // JSON may be indented with tabs, which YAML does not allow.
        if (text.TrimStart() is ['{' or '[', ..] && TryParseJson(text, out var json)) return json;
        var stream = Load(text);
        if (stream.Documents.Count > 1) throw new FormatException($"line {stream.Documents[1].RootNode.Start.Line}: a second document begins; only one is read");
        var left = MaxNodes;
        return stream.Documents.Count == 0 ? null : Convert(stream.Documents[0].RootNode, 0, ref left);
    }

    /// <summary>All documents of the text but for empty ones.</summary>
    /// <exception cref="FormatException">The text is no YAML; the message names the line.</exception>
    public static IReadOnlyList<JsonNode> ParseAll(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.TrimStart() is ['{' or '[', ..] && TryParseJson(text, out var json)) return json is null ? [] : [json];
        var documents = new List<JsonNode>();
        var left = MaxNodes;
        foreach (var document in Load(text).Documents)
        {
            if (Convert(document.RootNode, 0, ref left) is { } node) documents.Add(node);
        }

        return documents;
    }

    private static YamlStream Load(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
            return stream;
        }
        catch (YamlException e)
        {
            throw new FormatException($"line {e.Start.Line}: {OneLine(e.InnerException?.Message ?? e.Message)}", e);
        }
    }

    private static bool TryParseJson(string text, out JsonNode? json)
    {
        try
        {
            json = JsonNode.Parse(text, null, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = KubernetesJson.MaxDepth });
            return true;
        }
        catch (JsonException)
        {
            // YAML's flow style, or a mistake that the YAML reader tells the line of.
            json = null;
            return false;
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private static JsonNode? Convert(YamlNode node, int depth, ref int left)
    {
        if (depth > MaxDepth) throw new FormatException($"line {node.Start.Line}: nested deeper than {MaxDepth} levels");
        if (--left < 0) throw new FormatException($"line {node.Start.Line}: more than {MaxNodes} values");
        switch (node)
        {
            case YamlMappingNode map:
                var obj = new JsonObject();
                foreach (var (key, value) in map.Children)
                {
                    if (key is not YamlScalarNode name) throw new FormatException($"line {key.Start.Line}: a key must be a plain word");
                    if (obj.ContainsKey(name.Value ?? "")) throw new FormatException($"line {key.Start.Line}: \"{name.Value}\" stands twice");
                    obj[name.Value ?? ""] = Convert(value, depth + 1, ref left);
                }

                return obj;
            case YamlSequenceNode list:
                var array = new JsonArray();
                foreach (var item in list.Children) array.Add(Convert(item, depth + 1, ref left));
                return array;
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                throw new FormatException($"line {node.Start.Line}: an alias without an anchor");
        }
    }

    private static JsonValue? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style != ScalarStyle.Plain || scalar.Tag == "tag:yaml.org,2002:str") return JsonValue.Create(text);
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return null;
            // YAML 1.1, which Kubernetes' reader follows.
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON":
                return JsonValue.Create(true);
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF":
                return JsonValue.Create(false);
        }

        if (Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)) return JsonValue.Create(number);
        if (Octal().IsMatch(text) && text.Length < 20) return JsonValue.Create(System.Convert.ToInt64(text[(text[1] == 'o' ? 2 : 1)..], 8));
        return Decimal().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real)
            ? JsonValue.Create(real)
            : JsonValue.Create(text);
    }

    [GeneratedRegex("^[-+]?(0|[1-9][0-9]*)$")]
    private static partial Regex Integer();

    [GeneratedRegex("^0o?[0-7]+$")]
    private static partial Regex Octal();

    [GeneratedRegex("^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Decimal();
}
