using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>The chart's values by the names in their paths.</summary>
internal sealed class ChartValueTree
{
    public static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly SortedDictionary<string, ChartValueTree> _children = new(StringComparer.Ordinal);
    private ChartValue? _value;

    public static ChartValueTree Of(IEnumerable<ChartValue> values)
    {
        var root = new ChartValueTree();
        foreach (var value in values)
        {
            var node = root;
            foreach (var name in value.Path.Split('.'))
            {
                if (!node._children.TryGetValue(name, out var child)) node._children[name] = child = new();
                node = child;
            }

            if (node._value is { } known && known.Default != value.Default) throw new InvalidDataException($"{value.Path} has two defaults: {known.Default} and {value.Default}");
            // One of the places describes it.
            if (node._value is null || node._value.Description.Count == 0) node._value = value;
        }

        return root;
    }

    public string ToYaml()
    {
        var text = new StringBuilder("# Made from daemonset/ by ChartTests: change the manifests there.\n");
        Write(text, "");
        return text.ToString();
    }

    /// <summary>A JSON schema of draft 7 that refuses names that do not exist.</summary>
    public JsonObject ToSchema()
    {
        var schema = Schema();
        schema.Insert(0, "$schema", "http://json-schema.org/draft-07/schema#");
        // Helm itself adds it.
        schema["properties"]!["global"] = new JsonObject { ["type"] = "object" };
        return schema;
    }

    private void Write(StringBuilder text, string indent)
    {
        foreach (var (name, child) in _children)
        {
            if (child._value is not { } value)
            {
                text.Append($"{indent}{name}:\n");
                child.Write(text, indent + "  ");
                continue;
            }

            foreach (var line in value.Description) text.Append($"{indent}# {line}\n");
            if (YamlJson.Parse(value.Default) is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })
                text.Append($"{indent}{name}:\n").Append(string.Concat(value.Default.Split('\n').Select(line => $"{indent}  {line}\n")));
            else text.Append($"{indent}{name}: {value.Default}\n");
        }
    }

    private JsonObject Schema()
    {
        if (_value is { } value)
        {
            var type = new JsonObject
            {
                ["type"] = YamlJson.Parse(value.Default) switch
                {
                    JsonObject => "object",
                    JsonArray => "array",
                    JsonValue v when v.GetValueKind() is JsonValueKind.True or JsonValueKind.False => "boolean",
                    JsonValue v when v.GetValueKind() is JsonValueKind.Number => "integer",
                    _ => "string",
                },
            };
            foreach (var (key, more) in value.Schema ?? []) type[key] = more!.DeepClone();
            return type;
        }

        var properties = new JsonObject();
        foreach (var (name, child) in _children) properties[name] = child.Schema();
        return new() { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
    }
}
