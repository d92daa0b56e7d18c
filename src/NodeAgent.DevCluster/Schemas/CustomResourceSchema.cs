using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Schemas;

/// <summary>What a structural schema does to a written object: unknown fields are dropped, defaults filled in, the rest checked.</summary>
internal static class CustomResourceSchema
{
    private static readonly string[] Envelope = ["apiVersion", "kind", "metadata"];

    public static void Admit(ResourceType type, JsonObject schema, JsonObject obj, WriteOptions options)
    {
        var unknown = new List<string>();
        Prune(schema, obj, "", unknown, root: true);
        if (unknown.Count > 0 && options.StrictFields)
        {
            throw ApiException.BadRequest(
                $"{type.Kind} in version \"{type.Version}\" cannot be handled as a {type.Kind}: strict decoding error: {string.Join(", ", unknown.Select(u => $"unknown field \"{u}\""))}");
        }
        if (options.WarnOfFields)
            options.Warnings.AddRange(unknown.Select(u => $"unknown field \"{u}\""));
        Default(schema, obj);
        var errors = new List<FieldError>();
        foreach (var (name, value) in obj.Where(p => !Envelope.Contains(p.Key)).ToList())
        {
            if (schema.FindObject("properties", name) is { } property)
                SchemaValidator.Check(property, value, name, errors);
        }
        foreach (var required in (schema["required"] as JsonArray ?? []).Select(r => r.Text()))
        {
            if (!obj.ContainsKey(required))
                errors.Add(FieldError.Required(required));
        }
        if (errors.Count > 0)
            throw ApiException.Invalid(type, obj.Name(), errors);
    }

    private static void Prune(JsonObject schema, JsonNode? value, string path, List<string> unknown, bool root = false)
    {
        switch (value)
        {
            case JsonObject obj:
                var open = schema.Flag("x-kubernetes-preserve-unknown-fields");
                if (!root && schema.Flag("x-kubernetes-embedded-resource"))
                    open = true;
                foreach (var (name, child) in obj.ToList())
                {
                    if (root && Envelope.Contains(name))
                        continue;
                    var at = path.Length == 0 ? name : $"{path}.{name}";
                    if (schema.FindObject("properties", name) is { } property)
                        Prune(property, child, at, unknown);
                    else if (schema.FindObject("additionalProperties") is { } additional)
                        Prune(additional, child, at, unknown);
                    else if (!open && !schema.Flag("additionalProperties"))
                    {
                        obj.Remove(name);
                        unknown.Add(at);
                    }
                }
                break;
            case JsonArray list when schema.FindObject("items") is { } items:
                for (var i = 0; i < list.Count; i++)
                    Prune(items, list[i], $"{path}[{i}]", unknown);
                break;
        }
    }

    private static void Default(JsonObject schema, JsonNode? value)
    {
        switch (value)
        {
            case JsonObject obj:
                foreach (var (name, property) in schema.FindObject("properties") ?? [])
                {
                    if (property is not JsonObject child)
                        continue;
                    // A null that the schema forbids counts as absent when there is a default to take its place.
                    var absent = !obj.ContainsKey(name) || (obj[name] is null && !child.Flag("nullable"));
                    if (absent && child["default"] is { } preset)
                        obj[name] = preset.DeepClone();
                    Default(child, obj[name]);
                }
                if (schema.FindObject("additionalProperties") is { } additional)
                {
                    foreach (var (_, child) in obj)
                        Default(additional, child);
                }
                break;
            case JsonArray list when schema.FindObject("items") is { } items:
                foreach (var item in list)
                    Default(items, item);
                break;
        }
    }
}
