using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Selectors;

/// <summary>A field selector; each resource knows a few fields beyond name and namespace.</summary>
internal sealed class FieldSelector
{
    private static readonly Dictionary<string, string[]> Known = new(StringComparer.Ordinal)
    {
        ["pods"] = ["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"],
        ["events"] = ["involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"],
        ["secrets"] = ["type"],
        ["namespaces"] = ["status.phase"],
        ["nodes"] = ["spec.unschedulable"],
        ["replicasets.apps"] = ["status.replicas"],
        ["jobs.batch"] = ["status.successful"],
        ["services"] = ["spec.clusterIP", "spec.type"],
    };

    private readonly List<(string[] Path, bool Equal, string Value)> _terms = [];

    public bool IsEmpty => _terms.Count == 0;

    public static FieldSelector Parse(string text, ResourceType type)
    {
        var selector = new FieldSelector();
        foreach (var term in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var not = term.IndexOf("!=", StringComparison.Ordinal);
            var at = not >= 0 ? not : term.IndexOf('=');
            if (at <= 0)
                throw ApiException.BadRequest($"invalid field selector \"{text}\": {term} is not field=value");
            var field = term[..at];
            var value = not >= 0 ? term[(not + 2)..] : term[(at + 1)..].TrimStart('=');
            if (field is not ("metadata.name" or "metadata.namespace") && !IsKnown(type, field))
                throw ApiException.BadRequest($"field label not supported: {field}");
            selector._terms.Add((field.Split('.'), not < 0, value));
        }
        return selector;
    }

    public bool Matches(JsonObject obj)
    {
        foreach (var (path, equal, value) in _terms)
        {
            var node = obj.Find(path);
            var text = node is JsonObject or JsonArray or null ? "" : node.GetValueKind() == System.Text.Json.JsonValueKind.String ? node.Text() : node.ToJsonString();
            if (path is ["source"])
                text = obj.Text("source", "component");
            if (node is null && path is ["spec", "unschedulable"] or ["spec", "hostNetwork"] && text.Length == 0)
                text = "false";
            if (text == value != equal)
                return false;
        }
        return true;
    }

    private static bool IsKnown(ResourceType type, string field)
    {
        if (Known.TryGetValue(type.StorageKey, out var fields))
            return fields.Contains(field);
        // A definition may list selectable fields, each with a leading dot.
        return type.Definition.Items("selectableFields").Any(f => f.Text("jsonPath") == "." + field);
    }
}
