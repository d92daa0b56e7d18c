using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Schemas;

/// <summary>Checks a value against a structural schema. Rules in CEL (x-kubernetes-validations) are not evaluated.</summary>
internal static class SchemaValidator
{
    public static void Check(JsonObject schema, JsonNode? value, string path, List<FieldError> errors)
    {
        if (value is null)
        {
            if (!schema.Flag("nullable") && schema.Text("type").Length > 0)
                errors.Add(FieldError.TypeInvalid(path, "\"null\"", $"{path} in body must be of type {schema.Text("type")}: \"null\""));
            return;
        }
        if (!TypeFits(schema, value))
        {
            errors.Add(FieldError.TypeInvalid(path, $"\"{KindName(value)}\"", $"{path} in body must be of type {Expected(schema)}: \"{KindName(value)}\""));
            return;
        }
        if (schema["enum"] is JsonArray allowed && !allowed.Any(a => JsonNode.DeepEquals(a, value)))
            errors.Add(FieldError.Unsupported(path, Shown(value), allowed.Select(a => a?.GetValueKind() == JsonValueKind.String ? a.Text() : a?.ToJsonString() ?? "null")));
        switch (value)
        {
            case JsonObject obj:
                CheckObject(schema, obj, path, errors);
                break;
            case JsonArray list:
                CheckList(schema, list, path, errors);
                break;
            default:
                if (value.GetValueKind() == JsonValueKind.String)
                    CheckText(schema, value.Text(), path, errors);
                else if (value.GetValueKind() == JsonValueKind.Number)
                    CheckNumber(schema, value, path, errors);
                break;
        }
        foreach (var branch in schema.Items("allOf"))
            Check(branch, value, path, errors);
        if (schema["anyOf"] is JsonArray any && !any.OfType<JsonObject>().Any(s => Fits(s, value)))
            errors.Add(FieldError.Invalid(path, Shown(value), $"{path} in body must validate at least one schema (anyOf)"));
        if (schema["oneOf"] is JsonArray one && one.OfType<JsonObject>().Count(s => Fits(s, value)) != 1)
            errors.Add(FieldError.Invalid(path, Shown(value), $"{path} in body must validate one and only one schema (oneOf)"));
        if (schema.FindObject("not") is { } not && Fits(not, value))
            errors.Add(FieldError.Invalid(path, Shown(value), $"{path} in body must not validate the schema (not)"));
    }

    private static bool Fits(JsonObject schema, JsonNode value)
    {
        var errors = new List<FieldError>();
        Check(schema, value, "", errors);
        return errors.Count == 0;
    }

    private static void CheckObject(JsonObject schema, JsonObject obj, string path, List<FieldError> errors)
    {
        foreach (var name in (schema["required"] as JsonArray ?? []).Select(r => r.Text()).Where(n => !obj.ContainsKey(n)))
            errors.Add(FieldError.Required($"{path}.{name}"));
        if (schema.Number(-1, "maxProperties") is >= 0 and var max && obj.Count > max)
            errors.Add(FieldError.Invalid(path, Shown(obj), $"{path} in body should have at most {max} properties"));
        if (schema.Number(-1, "minProperties") is >= 0 and var min && obj.Count < min)
            errors.Add(FieldError.Invalid(path, Shown(obj), $"{path} in body should have at least {min} properties"));
        foreach (var (name, child) in obj)
        {
            if (schema.FindObject("properties", name) is { } property)
                Check(property, child, $"{path}.{name}", errors);
            else if (schema.FindObject("additionalProperties") is { } additional)
                Check(additional, child, $"{path}.{name}", errors);
        }
    }

    private static void CheckList(JsonObject schema, JsonArray list, string path, List<FieldError> errors)
    {
        if (schema.Number(-1, "maxItems") is >= 0 and var max && list.Count > max)
            errors.Add(new FieldError(path, "FieldValueTooMany", $"Too many: {list.Count}: must have at most {max} items"));
        if (schema.Number(-1, "minItems") is >= 0 and var min && list.Count < min)
            errors.Add(FieldError.Invalid(path, list.Count.ToString(CultureInfo.InvariantCulture), $"{path} in body should have at least {min} items"));
        var unique = schema.Text("x-kubernetes-list-type");
        var keys = schema["x-kubernetes-list-map-keys"] as JsonArray ?? [];
        var seen = new HashSet<string>();
        for (var i = 0; i < list.Count; i++)
        {
            if (schema.FindObject("items") is { } items)
                Check(items, list[i], $"{path}[{i}]", errors);
            var id = unique == "set" ? Shown(list[i]) : unique == "map" ? string.Join('/', keys.Select(k => list[i].Find(k.Text())?.ToJsonString())) : null;
            if (id is not null && !seen.Add(id))
                errors.Add(new FieldError($"{path}[{i}]", "FieldValueDuplicate", $"Duplicate value: {Shown(list[i])}"));
        }
    }

    private static void CheckText(JsonObject schema, string text, string path, List<FieldError> errors)
    {
        if (schema.Number(-1, "maxLength") is >= 0 and var max && text.Length > max)
            errors.Add(new FieldError(path, "FieldValueTooLong", $"Too long: may not be more than {max} bytes"));
        if (schema.Number(-1, "minLength") is >= 0 and var min && text.Length < min)
            errors.Add(FieldError.Invalid(path, $"\"{text}\"", $"{path} in body should be at least {min} chars long"));
        if (schema.Text("pattern") is { Length: > 0 } pattern && !Regex.IsMatch(text, pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)))
            errors.Add(FieldError.Invalid(path, $"\"{text}\"", $"{path} in body should match '{pattern}'"));
        var fits = schema.Text("format") switch
        {
            "date-time" => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out _) && text.Contains('T', StringComparison.OrdinalIgnoreCase),
            "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
            "byte" => Convert.TryFromBase64String(text, new byte[text.Length], out _),
            "uuid" => Guid.TryParse(text, out _),
            "ipv4" => System.Net.IPAddress.TryParse(text, out var ip) && ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork,
            "ipv6" => System.Net.IPAddress.TryParse(text, out var ip6) && ip6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
            "uri" => Uri.TryCreate(text, UriKind.Absolute, out _),
            _ => true,
        };
        if (!fits)
            errors.Add(FieldError.Invalid(path, $"\"{text}\"", $"{path} in body must be of type {schema.Text("format")}: \"{text}\""));
    }

    private static void CheckNumber(JsonObject schema, JsonNode value, string path, List<FieldError> errors)
    {
        var number = ToDecimal(value);
        if (schema["minimum"] is { } least && (schema.Flag("exclusiveMinimum") ? number <= ToDecimal(least) : number < ToDecimal(least)))
            errors.Add(FieldError.Invalid(path, value.ToJsonString(), $"{path} in body should be {(schema.Flag("exclusiveMinimum") ? "greater than" : "greater than or equal to")} {least.ToJsonString()}"));
        if (schema["maximum"] is { } most && (schema.Flag("exclusiveMaximum") ? number >= ToDecimal(most) : number > ToDecimal(most)))
            errors.Add(FieldError.Invalid(path, value.ToJsonString(), $"{path} in body should be {(schema.Flag("exclusiveMaximum") ? "less than" : "less than or equal to")} {most.ToJsonString()}"));
        if (schema["multipleOf"] is { } step && ToDecimal(step) is not 0 and var unit && number % unit != 0)
            errors.Add(FieldError.Invalid(path, value.ToJsonString(), $"{path} in body should be a multiple of {step.ToJsonString()}"));
        var (low, high) = schema.Text("format") switch
        {
            "int32" => (int.MinValue, int.MaxValue),
            "int64" => (long.MinValue, long.MaxValue),
            _ => (decimal.MinValue, decimal.MaxValue),
        };
        if (number < low || number > high)
            errors.Add(FieldError.Invalid(path, value.ToJsonString(), $"{path} in body must be of type {schema.Text("format")}: \"{value.ToJsonString()}\""));
    }

    private static bool TypeFits(JsonObject schema, JsonNode value)
    {
        var kind = value.GetValueKind();
        if (schema.Flag("x-kubernetes-int-or-string"))
            return kind == JsonValueKind.String || (kind == JsonValueKind.Number && IsInteger(value));
        return schema.Text("type") switch
        {
            "object" => kind == JsonValueKind.Object,
            "array" => kind == JsonValueKind.Array,
            "string" => kind == JsonValueKind.String,
            "boolean" => kind is JsonValueKind.True or JsonValueKind.False,
            "integer" => kind == JsonValueKind.Number && IsInteger(value),
            "number" => kind == JsonValueKind.Number,
            _ => true,
        };
    }

    private static bool IsInteger(JsonNode value) => ToDecimal(value) is var number && number == decimal.Truncate(number);

    private static decimal ToDecimal(JsonNode value) =>
        decimal.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : decimal.MaxValue;

    private static string Expected(JsonObject schema) => schema.Flag("x-kubernetes-int-or-string") ? "integer,string" : schema.Text("type");

    private static string KindName(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => IsInteger(value) ? "integer" : "number",
    };

    private static string Shown(JsonNode? value) => value?.ToJsonString() ?? "null";
}
