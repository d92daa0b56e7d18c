using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Objects;

/// <summary>Reads and writes the parts every Kubernetes object has, on plain JSON.</summary>
internal static class KubeObject
{
    public static JsonObject Meta(this JsonObject obj)
    {
        if (obj["metadata"] is JsonObject meta)
            return meta;
        meta = [];
        obj["metadata"] = meta;
        return meta;
    }

    public static string Name(this JsonObject obj) => obj.Text("metadata", "name");

    public static string Namespace(this JsonObject obj) => obj.Text("metadata", "namespace");

    public static string Uid(this JsonObject obj) => obj.Text("metadata", "uid");

    public static bool IsDeleting(this JsonObject obj) => obj.Find("metadata", "deletionTimestamp") is not null;

    public static JsonNode? Find(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var step in path)
        {
            if (node is not JsonObject obj)
                return null;
            node = obj[step];
        }
        return node;
    }

    public static JsonObject? FindObject(this JsonNode? node, params ReadOnlySpan<string> path) => node.Find(path) as JsonObject;

    /// <summary>The objects in a list; nothing when the list is absent or of another type.</summary>
    public static IEnumerable<JsonObject> Items(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Find(path) is JsonArray array ? array.OfType<JsonObject>() : [];

    /// <summary>The text at a path, or "" when there is none (an empty and an absent string mean the same in the API).</summary>
    public static string Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Find(path) is JsonValue value && value.TryGetValue(out string? text) ? text : "";

    public static long Number(this JsonNode? node, long absent, params ReadOnlySpan<string> path) =>
        node.Find(path) is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number
            ? value.TryGetValue(out long number) ? number : value.TryGetValue(out int small) ? small : absent
            : absent;

    public static bool Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.Find(path) is JsonValue value && value.TryGetValue(out bool flag) && flag;

    public static JsonObject Child(this JsonObject obj, string name)
    {
        if (obj[name] is JsonObject child)
            return child;
        child = [];
        obj[name] = child;
        return child;
    }

    public static JsonArray ChildArray(this JsonObject obj, string name)
    {
        if (obj[name] is JsonArray child)
            return child;
        child = [];
        obj[name] = child;
        return child;
    }

    public static void SetDefault(this JsonObject obj, string name, JsonNode value)
    {
        if (obj[name] is null)
            obj[name] = value;
    }

    /// <summary>Adds a node; unlike the generic Add it needs no code generated at run time.</summary>
    public static void Append(this JsonArray array, JsonNode? node) => array.Add(node);

    public static JsonObject Copy(this JsonObject obj) => (JsonObject)obj.DeepClone();

    public static JsonArray TextArray(params IEnumerable<string> values) => new([.. values.Select(v => (JsonNode?)JsonValue.Create(v))]);

    public static IEnumerable<string> Finalizers(this JsonObject obj) =>
        obj.Find("metadata", "finalizers") is JsonArray list ? list.Select(f => f.Text()) : [];

    public static bool RemoveFinalizer(this JsonObject obj, string finalizer)
    {
        if (obj.Find("metadata", "finalizers") is not JsonArray list)
            return false;
        var found = list.FirstOrDefault(f => f.Text() == finalizer);
        if (found is null)
            return false;
        list.Remove(found);
        if (list.Count == 0)
            obj.Meta().Remove("finalizers");
        return true;
    }

    public static IReadOnlyDictionary<string, string> Labels(this JsonObject obj) => obj.FindObject("metadata", "labels").TextMap();

    public static Dictionary<string, string> TextMap(this JsonObject? map)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in map ?? [])
            result[key] = value.Text();
        return result;
    }

    public static JsonObject? ControllerRef(this JsonObject obj) =>
        obj.Items("metadata", "ownerReferences").FirstOrDefault(o => o.Flag("controller"));
}
