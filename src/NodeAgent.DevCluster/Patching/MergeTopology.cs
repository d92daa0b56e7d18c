using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Patching;

/// <summary>
/// A place in an object's shape that tells how lists there merge: for custom resources from their schema, for built-in
/// kinds from the names of fields, which are nearly unique.
/// </summary>
internal readonly record struct MergeTopology(ResourceType Type, string Parent, string Name, JsonObject? Schema)
{
    public static MergeTopology For(ResourceType type) => new(type, "", "", type.Schema);

    public MergeTopology Field(string name)
    {
        // Metadata has the same shape everywhere, whatever a definition's schema says.
        var inMetadata = Name == "metadata" || Parent == "metadata" || name == "metadata";
        var schema = inMetadata ? null : Schema.FindObject("properties", name) ?? Schema.FindObject("additionalProperties");
        return new MergeTopology(Type, Name, name, schema);
    }

    public MergeTopology Item => this with { Schema = Schema.FindObject("items") };

    public bool AtomicMap => Schema?.Text("x-kubernetes-map-type") == "atomic" || (!Type.IsCustom && Name is "selector" && Parent is "spec");

    public ListRule Rule
    {
        get
        {
            if (Parent == "metadata")
                return Name switch { "finalizers" => ListRule.Set, "ownerReferences" => ListRule.By("uid"), _ => ListRule.Atomic };
            if (Type.IsCustom)
            {
                return Schema.Text("x-kubernetes-list-type") switch
                {
                    "set" => ListRule.Set,
                    "map" => new ListRule(false, [.. (Schema?["x-kubernetes-list-map-keys"] as JsonArray ?? []).Select(k => k.Text())]),
                    _ => ListRule.Atomic,
                };
            }
            return Name switch
            {
                "containers" or "initContainers" or "ephemeralContainers" or "volumes" or "env" or "imagePullSecrets" or "webhooks" or "resourceClaims" => ListRule.By("name"),
                "volumeMounts" => ListRule.By("mountPath"),
                "volumeDevices" => ListRule.By("devicePath"),
                "ports" when Parent is "containers" or "initContainers" => ListRule.By("containerPort", "protocol"),
                "ports" when Type.Is("", "services") && Parent == "spec" => ListRule.By("port", "protocol"),
                "hostAliases" => ListRule.By("ip"),
                "topologySpreadConstraints" => ListRule.By("topologyKey", "whenUnsatisfiable"),
                "conditions" when Type.Plural != "customresourcedefinitions" => ListRule.By("type"),
                "secrets" when Type.Plural == "serviceaccounts" => ListRule.By("name"),
                "taints" when Type.Plural == "nodes" => ListRule.By("key"),
                "addresses" when Type.Plural == "nodes" => ListRule.By("type"),
                "finalizers" when Type.Plural == "namespaces" => ListRule.Set,
                _ => ListRule.Atomic,
            };
        }
    }
}
