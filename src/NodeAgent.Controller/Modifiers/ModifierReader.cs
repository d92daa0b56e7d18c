using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.Controller.Modifiers;

/// <summary>Reads the rules out of a ConfigMap. Whatever it does not know is refused, so that a misspelt condition does not widen a rule to everything.</summary>
internal static class ModifierReader
{
    private static readonly string[] Operations = ["add", "remove", "replace", "test", "move", "copy"];

    /// <exception cref="FormatException">The rules are not valid; one line with what, where and why.</exception>
    public static ResourceModifiers Read(JsonObject configMap)
    {
        if (configMap["data"] is not JsonObject { Count: 1 } data) throw new FormatException("it must have exactly one entry, the rules");
        var (entry, text) = data.Single();
        try
        {
            return ReadDocument(text?.ToString() ?? "");
        }
        catch (FormatException e)
        {
            throw new FormatException($"{entry}: {e.Message}", e);
        }
    }

    private static ResourceModifiers ReadDocument(string text)
    {
        if (YamlJson.Parse(text) is not JsonObject document) throw new FormatException("no version and resourceModifierRules are in it");
        Check(document, "", "version", "resourceModifierRules");
        var version = Text(document, "version", "");
        if (!version.Equals("v1", StringComparison.OrdinalIgnoreCase)) throw new FormatException($"version \"{version}\" is not supported; it must be v1");
        var rules = List(document, "resourceModifierRules", "");
        if (rules.Count == 0) throw new FormatException("resourceModifierRules is empty");
        return new ResourceModifiers([.. rules.Select((r, i) => ReadRule(r, $"resourceModifierRules[{i}]"))]);
    }

    private static ModifierRule ReadRule(JsonNode? node, string at)
    {
        var rule = Object(node, at, "conditions", "patches", "mergePatches", "strategicPatches");
        var read = new ModifierRule
        {
            Conditions = ReadConditions(rule["conditions"], $"{at}.conditions"),
            Patches = [.. List(rule, "patches", at).Select((p, i) => ReadOperation(p, $"{at}.patches[{i}]"))],
            MergePatches = [.. List(rule, "mergePatches", at).Select((p, i) => ReadPatch(p, $"{at}.mergePatches[{i}]"))],
            StrategicPatches = [.. List(rule, "strategicPatches", at).Select((p, i) => ReadPatch(p, $"{at}.strategicPatches[{i}]"))],
        };
        return new[] { read.Patches.Count, read.MergePatches.Count, read.StrategicPatches.Count }.Count(c => c > 0) == 1
            ? read
            : throw new FormatException($"{at}: exactly one of patches, mergePatches and strategicPatches is needed");
    }

    private static ModifierConditions ReadConditions(JsonNode? node, string at)
    {
        var conditions = Object(node, at, "namespaces", "groupResource", "resourceNameRegex", "labelSelector", "matches");
        var groupResource = Text(conditions, "groupResource", at);
        if (groupResource.Length == 0) throw new FormatException($"{at}.groupResource is empty; name a resource type such as pods or deployments.apps");
        var regex = Text(conditions, "resourceNameRegex", at);
        var labels = ReadLabels(conditions["labelSelector"], $"{at}.labelSelector");
        return At(at, () => new ModifierConditions
        {
            Text = groupResource,
            GroupResource = GroupResourcePattern.Parse(groupResource),
            Name = regex.Length == 0 ? null : NamePattern.Parse(regex),
            Namespaces = new IncludesExcludes([.. List(conditions, "namespaces", at).Select(n => n?.ToString() ?? "")], []),
            Labels = new LabelSelectors(labels, null),
            Matches = [.. List(conditions, "matches", at).Select((m, i) => ReadMatch(m, $"matches[{i}]"))],
        });
    }

    private static LabelSelector? ReadLabels(JsonNode? node, string at)
    {
        if (node is null) return null;
        Object(node, at, "matchLabels", "matchExpressions");
        LabelSelector? selector;
        try
        {
            selector = node.Deserialize(VeleroJsonContext.Default.LabelSelector);
        }
        catch (JsonException e)
        {
            throw new FormatException($"{at}: {e.Message}", e);
        }

        return LabelSelectors.Problems(selector, null).FirstOrDefault() is { } problem ? throw new FormatException($"{at}: {problem}") : selector;
    }

    private static JsonPatchOperation ReadMatch(JsonNode? node, string at)
    {
        var match = Object(node, at, "path", "value");
        return At(at, () => new JsonPatchOperation("test", Pointer(match, "path"), null, JsonPatchOperation.ParseValue(Text(match, "value", at))));
    }

    private static JsonPatchOperation ReadOperation(JsonNode? node, string at)
    {
        var operation = Object(node, at, "operation", "from", "path", "value");
        var name = Text(operation, "operation", at).ToLowerInvariant();
        if (!Operations.Contains(name)) throw new FormatException($"{at}.operation \"{name}\" is none of {string.Join(", ", Operations)}");
        return At(at, () => new JsonPatchOperation(
            name, Pointer(operation, "path"), name is "move" or "copy" ? Pointer(operation, "from") : null, JsonPatchOperation.ParseValue(Text(operation, "value", at))));
    }

    private static JsonObject ReadPatch(JsonNode? node, string at)
    {
        var patch = Object(node, at, "patchData");
        return At($"{at}.patchData", () => YamlJson.Parse(Text(patch, "patchData", at)) as JsonObject ?? throw new FormatException("it is no object with the fields to be patched"));
    }

    private static JsonPointer Pointer(JsonObject from, string name)
    {
        var text = Text(from, name, "");
        return text.Length == 0 ? throw new FormatException($"{name} is empty") : JsonPointer.Parse(text);
    }

    private static T At<T>(string at, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new FormatException($"{at}: {e.Message}", e);
        }
    }

    private static JsonObject Object(JsonNode? node, string at, params string[] known)
    {
        if (node is not JsonObject found) throw new FormatException($"{at} {(node is null ? "is missing" : "is no object")}");
        Check(found, at, known);
        return found;
    }

    private static void Check(JsonObject found, string at, params string[] known)
    {
        if (found.FirstOrDefault(p => !known.Contains(p.Key)).Key is { } unknown)
        {
            throw new FormatException($"{(at.Length == 0 ? "" : at + ": ")}\"{unknown}\" is not known; here stand {string.Join(", ", known)}");
        }
    }

    private static JsonArray List(JsonObject from, string name, string at) => from[name] switch
    {
        null => [],
        JsonArray list => list,
        _ => throw new FormatException($"{at}.{name} is no list".TrimStart('.')),
    };

    /// <summary>A text; numbers and booleans that were written without quotation marks count as their text.</summary>
    private static string Text(JsonObject from, string name, string at) => from[name] switch
    {
        null => "",
        JsonValue value => value.GetValueKind() is JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString(),
        _ => throw new FormatException($"{at}.{name} must be a text: put it into quotation marks".TrimStart('.')),
    };
}
