using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes;

/// <summary>
/// An object that is carried, not understood: the JSON stays as the server sent it, with typed access to its metadata.
/// Not safe for changes from several threads; objects out of a cache are shared and must be cloned before a change.
/// </summary>
public sealed class KubernetesObject
{
    /// <summary>Wraps the node itself: changes on either side are seen by the other.</summary>
    public KubernetesObject(JsonObject json)
    {
        ArgumentNullException.ThrowIfNull(json);
        Json = json;
    }

    /// <summary>A new object that has nothing but its type and name.</summary>
    public KubernetesObject(ResourceKind kind, string? ns, string name)
    {
        ArgumentNullException.ThrowIfNull(kind);
        var metadata = new JsonObject { ["name"] = name };
        if (!string.IsNullOrEmpty(ns)) metadata["namespace"] = ns;
        Json = new JsonObject { ["apiVersion"] = kind.ApiVersion, ["kind"] = kind.Kind, ["metadata"] = metadata };
    }

    public JsonObject Json { get; }

    public string ApiVersion => Text(Json, "apiVersion") ?? "";

    public string Kind => Text(Json, "kind") ?? "";

    public string Name => Text(Metadata, "name") ?? "";

    /// <summary>Empty for cluster-wide objects.</summary>
    public string Namespace => Text(Metadata, "namespace") ?? "";

    public NamespacedName Key => new(Namespace, Name);

    public string Uid => Text(Metadata, "uid") ?? "";

    public string ResourceVersion => Text(Metadata, "resourceVersion") ?? "";

    public IReadOnlyDictionary<string, string> Labels => Map("labels");

    public IReadOnlyDictionary<string, string> Annotations => Map("annotations");

    public IReadOnlyList<string> Finalizers =>
        Metadata?["finalizers"] is JsonArray array ? [.. array.OfType<JsonValue>().Select(v => v.TryGetValue<string>(out var text) ? text : "")] : [];

    /// <summary>Entries that are no owner reference are left out.</summary>
    public IReadOnlyList<OwnerReference> OwnerReferences
    {
        get
        {
            if (Metadata?["ownerReferences"] is not JsonArray array) return [];
            return [.. array.OfType<JsonObject>().Select(o => new OwnerReference
            {
                ApiVersion = Text(o, "apiVersion"),
                Kind = Text(o, "kind"),
                Name = Text(o, "name"),
                Uid = Text(o, "uid"),
                Controller = Flag(o, "controller"),
                BlockOwnerDeletion = Flag(o, "blockOwnerDeletion"),
            })];
        }
    }

    public DateTimeOffset? CreationTimestamp => Time("creationTimestamp");

    /// <summary>Set while the object waits for its finalizers.</summary>
    public DateTimeOffset? DeletionTimestamp => Time("deletionTimestamp");

    public JsonObject? Spec => Json["spec"] as JsonObject;

    public JsonObject? Status => Json["status"] as JsonObject;

    private JsonObject? Metadata => Json["metadata"] as JsonObject;

    public KubernetesObject DeepClone() => new(Json.DeepClone().AsObject());

    public override string ToString() => $"{Kind} {Key}";

    private static string? Text(JsonObject? from, string name) => from?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static bool? Flag(JsonObject from, string name) => from[name]?.GetValueKind() switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private DateTimeOffset? Time(string name) =>
        DateTimeOffset.TryParse(Text(Metadata, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time.ToUniversalTime() : null;

    private Dictionary<string, string> Map(string name)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Metadata?[name] is not JsonObject entries) return map;
        foreach (var (key, value) in entries)
        {
            if (value is JsonValue leaf && leaf.TryGetValue<string>(out var text)) map[key] = text;
        }

        return map;
    }
}
