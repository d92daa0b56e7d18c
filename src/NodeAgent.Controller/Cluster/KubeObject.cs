using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// Reading objects that are carried as JSON. Nothing here throws on a shape that is not the expected one: objects come from
/// archives and from other people's controllers, and an absent value is the answer to a question that does not fit.
/// </summary>
internal static class KubeObject
{
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var step in path)
        {
            node = node is JsonObject o && o.TryGetPropertyValue(step, out var next) ? next : null;
        }

        return node;
    }

    public static string? Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    public static bool IsTrue(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.True;

    public static long Number(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<long>(out var number) ? number : 0;

    /// <summary>The objects of an array; what is no object is passed over.</summary>
    public static IEnumerable<JsonObject> Objects(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? array.OfType<JsonObject>() : [];

    public static string Name(this JsonNode node) => node.Text("metadata", "name") ?? "";

    public static string Namespace(this JsonNode node) => node.Text("metadata", "namespace") ?? "";

    public static string Uid(this JsonNode node) => node.Text("metadata", "uid") ?? "";

    public static string? Label(this JsonNode node, string key) => node.Text("metadata", "labels", key);

    public static string? Annotation(this JsonNode node, string key) => node.Text("metadata", "annotations", key);

    /// <summary>namespace/name, or the name alone for what has no namespace.</summary>
    public static string QualifiedName(this JsonNode node) => Qualify(node.Namespace(), node.Name());

    public static string Qualify(string ns, string name) => ns.Length == 0 ? name : $"{ns}/{name}";

    /// <summary>The child object, made when it is absent or something else.</summary>
    public static JsonObject Child(this JsonObject node, string name)
    {
        if (node[name] is JsonObject child) return child;
        child = [];
        node[name] = child;
        return child;
    }

    public static IReadOnlyDictionary<string, string> StringMap(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (node.At(path) is not JsonObject source) return map;
        foreach (var (key, value) in source)
        {
            if (value is JsonValue text && text.GetValueKind() == JsonValueKind.String) map[key] = text.GetValue<string>();
        }

        return map;
    }

    /// <summary>Whether all of the other is in this one, which may have more in its objects, such as what a server fills in.</summary>
    public static bool Holds(this JsonNode? node, JsonNode? other) => other switch
    {
        null => true,
        JsonObject fields => node is JsonObject own && fields.All(f => own.At(f.Key).Holds(f.Value)),
        JsonArray items => node is JsonArray own && own.Count == items.Count && items.Zip(own).All(p => p.Second.Holds(p.First)),
        _ => JsonNode.DeepEquals(node, other),
    };

    public static OwnerReference OwnerReference(this JsonNode node) => new()
    {
        ApiVersion = node.Text("apiVersion"),
        Kind = node.Text("kind"),
        Name = node.Name(),
        Uid = node.Uid(),
        Controller = true,
    };
}
