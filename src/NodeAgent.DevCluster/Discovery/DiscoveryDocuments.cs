using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Discovery;

/// <summary>What the server says it serves, in the plain and in the aggregated form.</summary>
internal sealed class DiscoveryDocuments(ResourceRegistry registry)
{
    private static readonly string[] AllVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    public static JsonObject CoreVersions() => new()
    {
        ["kind"] = "APIVersions",
        ["versions"] = KubeObject.TextArray("v1"),
        ["serverAddressByClientCIDRs"] = new JsonArray(),
    };

    public JsonObject Groups() => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. GroupNames().Select(g => (JsonNode)Group(g)!)]),
    };

    /// <returns>Null when there is no such group.</returns>
    public JsonObject? Group(string group)
    {
        var versions = Versions(group).Select(v => new JsonObject { ["groupVersion"] = $"{group}/{v}", ["version"] = v }).ToList();
        if (versions.Count == 0)
            return null;
        return new JsonObject
        {
            ["kind"] = "APIGroup",
            ["apiVersion"] = "v1",
            ["name"] = group,
            ["versions"] = new JsonArray([.. versions]),
            ["preferredVersion"] = versions[0].Copy(),
        };
    }

    /// <returns>Null when there is no such version.</returns>
    public JsonObject? Resources(string group, string version)
    {
        var types = registry.Types.Where(t => t.Group == group && t.Version == version).ToList();
        if (types.Count == 0)
            return null;
        var list = new JsonArray();
        foreach (var type in types)
        {
            list.Append(Resource(type));
            foreach (var (sub, verbs) in Subresources(type))
            {
                var part = new JsonObject { ["name"] = $"{type.Plural}/{sub}", ["singularName"] = "", ["namespaced"] = type.Namespaced, ["kind"] = SubKind(type, sub), ["verbs"] = KubeObject.TextArray(verbs) };
                if (SubGroup(sub) is { } foreign)
                    (part["group"], part["version"]) = foreign;
                list.Append(part);
            }
        }
        return new JsonObject { ["kind"] = "APIResourceList", ["apiVersion"] = "v1", ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}", ["resources"] = list };
    }

    public JsonObject Aggregated(bool core)
    {
        var groups = core ? [""] : GroupNames();
        return new JsonObject
        {
            ["kind"] = "APIGroupDiscoveryList",
            ["apiVersion"] = "apidiscovery.k8s.io/v2",
            ["metadata"] = new JsonObject(),
            ["items"] = new JsonArray([.. groups.Select(g => (JsonNode)new JsonObject
            {
                ["metadata"] = g.Length == 0 ? [] : new JsonObject { ["name"] = g, ["creationTimestamp"] = null },
                ["versions"] = new JsonArray([.. Versions(g).Select(v => (JsonNode)new JsonObject
                {
                    ["version"] = v,
                    ["freshness"] = "Current",
                    ["resources"] = new JsonArray([.. registry.Types.Where(t => t.Group == g && t.Version == v).Select(t => (JsonNode)AggregatedResource(t))]),
                })]),
            })]),
        };
    }

    private static JsonObject AggregatedResource(ResourceType type)
    {
        var resource = new JsonObject
        {
            ["resource"] = type.Plural,
            ["responseKind"] = Kind(type.Group, type.Version, type.Kind),
            ["scope"] = type.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = type.Singular,
            ["verbs"] = KubeObject.TextArray(type.Virtual ? ["create"] : AllVerbs),
        };
        AddNames(resource, type);
        var subs = Subresources(type).Select(s => (JsonNode)new JsonObject { ["subresource"] = s.Name, ["responseKind"] = SubGroup(s.Name) is var (group, version) ? Kind(group, version, SubKind(type, s.Name)) : Kind(type.Group, type.Version, SubKind(type, s.Name)), ["verbs"] = KubeObject.TextArray(s.Verbs) }).ToArray();
        if (subs.Length > 0)
            resource["subresources"] = new JsonArray(subs);
        return resource;
    }

    private static JsonObject Kind(string group, string version, string kind) => new() { ["group"] = group, ["version"] = version, ["kind"] = kind };

    private static JsonObject Resource(ResourceType type)
    {
        var resource = new JsonObject
        {
            ["name"] = type.Plural,
            ["singularName"] = type.Singular,
            ["namespaced"] = type.Namespaced,
            ["kind"] = type.Kind,
            ["verbs"] = KubeObject.TextArray(type.Virtual ? ["create"] : AllVerbs),
        };
        AddNames(resource, type);
        return resource;
    }

    private static void AddNames(JsonObject resource, ResourceType type)
    {
        if (type.ShortNames.Count > 0)
            resource["shortNames"] = KubeObject.TextArray(type.ShortNames);
        if (type.Categories.Count > 0)
            resource["categories"] = KubeObject.TextArray(type.Categories);
    }

    private static IEnumerable<(string Name, string[] Verbs)> Subresources(ResourceType type)
    {
        if (type.HasStatus)
            yield return ("status", ["get", "patch", "update"]);
        if (type.HasScale)
            yield return ("scale", ["get", "patch", "update"]);
        if (type.Is("", "namespaces"))
            yield return ("finalize", ["update"]);
        if (!type.Is("", "pods"))
            yield break;
        yield return ("binding", ["create"]);
        yield return ("eviction", ["create"]);
        yield return ("exec", ["create", "get"]);
        yield return ("log", ["get"]);
    }

    // Some parts of an object are objects of another group.
    private static (string Group, string Version)? SubGroup(string sub) => sub switch { "scale" => ("autoscaling", "v1"), "eviction" => ("policy", "v1"), _ => null };

    private static string SubKind(ResourceType type, string sub) => sub switch { "scale" => "Scale", "binding" => "Binding", "eviction" => "Eviction", "exec" => "PodExecOptions", _ => type.Kind };

    private List<string> GroupNames() => [.. registry.Types.Select(t => t.Group).Where(g => g.Length > 0).Distinct()];

    private List<string> Versions(string group) => [.. registry.Types.Where(t => t.Group == group).Select(t => t.Version).Distinct()
        // Stable versions come before betas and alphas.
        .OrderBy(v => v.Contains("alpha", StringComparison.Ordinal) ? 2 : v.Contains("beta", StringComparison.Ordinal) ? 1 : 0)];
}
