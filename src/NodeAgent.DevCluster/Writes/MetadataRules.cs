using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Writes;

/// <summary>What holds for the metadata of every object.</summary>
internal static partial class MetadataRules
{
    private const string SubdomainText = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

    public static void Check(ResourceType type, JsonObject obj, List<FieldError> errors)
    {
        var meta = obj.Meta();
        var name = meta.Text("name");
        if (name.Length == 0)
            errors.Add(FieldError.Required("metadata.name", "name or generateName is required"));
        else if (type.Group == "rbac.authorization.k8s.io")
        {
            if (name is "." or ".." || name.AsSpan().ContainsAny('/', '%'))
                errors.Add(FieldError.Invalid("metadata.name", $"\"{name}\"", "may not be '.' or '..', nor contain '/' or '%'"));
        }
        else if (name.Length > (IsLabelNamed(type) ? 63 : 253) || !Subdomain().IsMatch(name) || (IsLabelNamed(type) && name.Contains('.')))
            errors.Add(FieldError.Invalid("metadata.name", $"\"{name}\"", SubdomainText));
        foreach (var field in (string[])["labels", "annotations"])
        {
            if (meta[field] is not JsonObject map)
            {
                if (meta[field] is not null)
                    throw ApiException.BadRequest($"metadata.{field}: a map of strings is expected");
                continue;
            }
            foreach (var (key, value) in map)
            {
                if (value?.GetValueKind() != JsonValueKind.String)
                    throw ApiException.BadRequest($"metadata.{field}.{key}: a string is expected");
                var qualified = key[(key.IndexOf('/') + 1)..];
                if (qualified.Length is 0 or > 63 || !LabelName().IsMatch(qualified))
                    errors.Add(FieldError.Invalid($"metadata.{field}", $"\"{key}\"", "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
                if (field == "labels" && value.Text() is { Length: > 0 } text && (text.Length > 63 || !LabelName().IsMatch(text)))
                    errors.Add(FieldError.Invalid("metadata.labels", $"\"{text}\"", text.Length > 63 ? "must be no more than 63 characters" : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
            }
        }
        foreach (var (owner, i) in meta.Items("ownerReferences").Select((o, i) => (o, i)))
        {
            foreach (var field in (string[])["apiVersion", "kind", "name", "uid"])
            {
                if (owner.Text(field).Length == 0)
                    errors.Add(FieldError.Invalid($"metadata.ownerReferences[{i}].{field}", "\"\"", "must not be empty"));
            }
        }
    }

    private static bool IsLabelNamed(ResourceType type) => type.Group.Length == 0 && type.Plural is "namespaces" or "services";

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")]
    private static partial Regex Subdomain();

    [GeneratedRegex("^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
    private static partial Regex LabelName();
}
