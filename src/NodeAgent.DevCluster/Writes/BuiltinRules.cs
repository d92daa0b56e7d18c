using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Writes;

/// <summary>The rules of built-in kinds that a backup or restore is likely to meet; a real server knows many more.</summary>
internal static class BuiltinRules
{
    public static void Check(ResourceType type, JsonObject obj, JsonObject? old, List<FieldError> errors)
    {
        switch (type.StorageKey)
        {
            case "pods":
                CheckPodSpec(obj.FindObject("spec"), "spec", [], errors);
                if (old is not null && !SamePod(obj, old))
                    errors.Add(FieldError.Forbidden("spec", "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations)"));
                break;
            case "deployments.apps" or "replicasets.apps" or "statefulsets.apps" or "daemonsets.apps":
                if (obj.FindObject("spec", "selector") is not { Count: > 0 } selector)
                    errors.Add(FieldError.Required("spec.selector"));
                else if (!Selectors.LabelSelector.From(selector).Matches((obj.FindObject("spec", "template", "metadata", "labels")).TextMap()))
                    errors.Add(FieldError.Invalid("spec.template.metadata.labels", (obj.Find("spec", "template", "metadata", "labels") ?? new JsonObject()).ToJsonString(), "`selector` does not match template `labels`"));
                CheckPodSpec(obj.FindObject("spec", "template", "spec"), "spec.template.spec", obj.Items("spec", "volumeClaimTemplates").Select(c => c.Name()), errors);
                if (old is not null && !JsonNode.DeepEquals(obj.Find("spec", "selector"), old.Find("spec", "selector")))
                    errors.Add(FieldError.Invalid("spec.selector", obj.Find("spec", "selector")?.ToJsonString() ?? "null", "field is immutable"));
                break;
            case "persistentvolumeclaims":
                if (obj.Find("spec", "accessModes") is not JsonArray { Count: > 0 })
                    errors.Add(FieldError.Required("spec.accessModes", "at least 1 access mode is required"));
                if (obj.Text("spec", "resources", "requests", "storage").Length == 0)
                    errors.Add(FieldError.Required("spec.resources[storage]"));
                if (old is not null && old.Text("spec", "volumeName") is { Length: > 0 } bound && obj.Text("spec", "volumeName") != bound)
                    errors.Add(FieldError.Forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"));
                break;
            case "services":
                if (obj.Find("spec", "ports") is not JsonArray { Count: > 0 } && obj.Text("spec", "clusterIP") != "None" && obj.Text("spec", "type") != "ExternalName")
                    errors.Add(FieldError.Required("spec.ports"));
                if (old is not null && old.Text("spec", "clusterIP") is { Length: > 0 } ip && obj.Text("spec", "clusterIP") != ip)
                    errors.Add(FieldError.Invalid("spec.clusterIPs[0]", $"[\"{obj.Text("spec", "clusterIP")}\"]", "may not change once set"));
                break;
            case "configmaps" or "secrets":
                if (old.Flag("immutable") && !(JsonNode.DeepEquals(old?["data"], obj["data"]) && obj.Flag("immutable")))
                    errors.Add(FieldError.Forbidden("data", "field is immutable when `immutable` is set"));
                if (type.Plural == "secrets")
                    CheckSecret(obj, errors);
                break;
            case "roles.rbac.authorization.k8s.io" or "clusterroles.rbac.authorization.k8s.io":
                break;
            case "rolebindings.rbac.authorization.k8s.io" or "clusterrolebindings.rbac.authorization.k8s.io":
                if (obj.Text("roleRef", "name").Length == 0)
                    errors.Add(FieldError.Required("roleRef.name"));
                if (old is not null && !JsonNode.DeepEquals(old["roleRef"], obj["roleRef"]))
                    errors.Add(FieldError.Invalid("roleRef", obj["roleRef"]?.ToJsonString() ?? "null", "cannot change roleRef"));
                break;
            case "customresourcedefinitions.apiextensions.k8s.io":
                CheckDefinition(obj, errors);
                break;
        }
    }

    private static void CheckPodSpec(JsonObject? spec, string at, IEnumerable<string> claimed, List<FieldError> errors)
    {
        if (spec?["containers"] is not JsonArray { Count: > 0 })
        {
            errors.Add(FieldError.Required($"{at}.containers"));
            return;
        }
        var volumes = spec.Items("volumes").Select(v => v.Text("name")).Concat(claimed).ToHashSet();
        foreach (var list in (string[])["initContainers", "containers"])
        {
            var names = new HashSet<string>();
            foreach (var (container, i) in spec.Items(list).Select((c, i) => (c, i)))
            {
                if (container.Text("name").Length == 0)
                    errors.Add(FieldError.Required($"{at}.{list}[{i}].name"));
                else if (!names.Add(container.Text("name")))
                    errors.Add(new FieldError($"{at}.{list}[{i}].name", "FieldValueDuplicate", $"Duplicate value: \"{container.Text("name")}\""));
                if (container.Text("image").Length == 0)
                    errors.Add(FieldError.Required($"{at}.{list}[{i}].image"));
                foreach (var (mount, m) in container.Items("volumeMounts").Select((v, m) => (v, m)))
                {
                    if (!volumes.Contains(mount.Text("name")))
                        errors.Add(new FieldError($"{at}.{list}[{i}].volumeMounts[{m}].name", "FieldValueNotFound", $"Not found: \"{mount.Text("name")}\""));
                }
            }
        }
    }

    private static bool SamePod(JsonObject a, JsonObject b)
    {
        return JsonNode.DeepEquals(Strip(a), Strip(b));

        static JsonObject Strip(JsonObject pod)
        {
            var spec = (pod.FindObject("spec") ?? []).Copy();
            // nodeName and the gates are set by the scheduler's binding, which is a write of its own here.
            foreach (var field in (string[])["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates", "ephemeralContainers"])
                spec.Remove(field);
            foreach (var container in spec.Items("containers").Concat(spec.Items("initContainers")))
                container.Remove("image");
            return spec;
        }
    }

    private static void CheckSecret(JsonObject secret, List<FieldError> errors)
    {
        foreach (var (key, value) in secret.FindObject("data") ?? [])
        {
            var text = value.Text();
            if (value is not null && !Convert.TryFromBase64String(text, new byte[text.Length], out _))
                errors.Add(FieldError.Invalid($"data[{key}]", "<secret contents redacted>", "not base64"));
        }
    }

    private static void CheckDefinition(JsonObject definition, List<FieldError> errors)
    {
        var expected = $"{definition.Text("spec", "names", "plural")}.{definition.Text("spec", "group")}";
        if (definition.Name() != expected)
            errors.Add(FieldError.Invalid("metadata.name", $"\"{definition.Name()}\"", $"must be spec.names.plural+\".\"+spec.group"));
        if (definition.Text("spec", "group").Length == 0)
            errors.Add(FieldError.Required("spec.group"));
        if (definition.Text("spec", "names", "kind").Length == 0)
            errors.Add(FieldError.Required("spec.names.kind"));
        if (definition.Text("spec", "scope") is not ("Namespaced" or "Cluster"))
            errors.Add(FieldError.Unsupported("spec.scope", $"\"{definition.Text("spec", "scope")}\"", ["Cluster", "Namespaced"]));
        if (definition.Items("spec", "versions").Count(v => v.Flag("storage")) != 1)
            errors.Add(FieldError.Invalid("spec.versions", "versions", "must have exactly one version marked as storage version"));
        foreach (var (version, i) in definition.Items("spec", "versions").Select((v, i) => (v, i)))
        {
            if (version.FindObject("schema", "openAPIV3Schema") is null)
                errors.Add(FieldError.Required($"spec.versions[{i}].schema.openAPIV3Schema", "schemas are required"));
        }
    }
}
