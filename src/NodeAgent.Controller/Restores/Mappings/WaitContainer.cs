using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.Controller.Restores.Mappings;

/// <summary>The init container that holds a restored pod back until its volumes are filled.</summary>
internal sealed class WaitContainer
{
    private const string LegacyName = "restic-wait";

    private static readonly (string Suffix, double Factor)[] Units =
    [
        ("Ki", 1L << 10), ("Mi", 1L << 20), ("Gi", 1L << 30), ("Ti", 1L << 40), ("m", 0.001), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12),
    ];

    private readonly string _image;
    private readonly IReadOnlyList<string> _command;
    private readonly string _restoreUid;
    private readonly JsonObject _resources;
    private readonly JsonObject? _security;

    /// <summary>Settings that cannot be used are named as warnings, and what would be without them is taken.</summary>
    public WaitContainer(RestoreScope scope)
    {
        var settings = scope.Restore.Mappings.WaitContainer;
        _restoreUid = scope.Restore.Uid;
        _image = Image(settings, scope.Options.RestoreImage);
        _command = settings.TryGetValue("command", out var command) && command.Length > 0 ? [command] : scope.Options.RestoreCommand;
        try
        {
            _resources = Resources(settings);
        }
        catch (FormatException e)
        {
            scope.Log.Warn(null, $"settings of {VeleroLabels.RestoreWaitContainer}: {e.Message}; the defaults are taken for its resources");
            _resources = Resources(new Dictionary<string, string>());
        }

        try
        {
            _security = Security(settings);
        }
        catch (FormatException e)
        {
            scope.Log.Warn(null, $"settings of {VeleroLabels.RestoreWaitContainer}: {e.Message}; its security context is that of the pod's first container");
        }
    }

    /// <summary>Removes one that an earlier restore left in a pod, with its volume. Nobody would end its wait.</summary>
    public static void Remove(JsonObject pod)
    {
        if (pod.At("spec", "volumes") is JsonArray volumes)
        {
            foreach (var old in volumes.OfType<JsonObject>().Where(v => v.Text("name") == VeleroLabels.RestoreMarksVolume).ToList()) volumes.Remove(old);
        }

        if (pod.At("spec", "initContainers") is not JsonArray containers) return;
        foreach (var old in containers.OfType<JsonObject>().Where(c => c.Text("name") is VeleroLabels.RestoreWaitContainer or LegacyName).ToList()) containers.Remove(old);
    }

    /// <summary>Puts the container first among a pod's init containers.</summary>
    /// <param name="volumes">The volumes that it waits for.</param>
    public void Add(JsonObject pod, IEnumerable<string> volumes)
    {
        var spec = pod.Child("spec");
        if (spec["initContainers"] is not JsonArray containers) spec["initContainers"] = containers = [];
        containers.Insert(0, Build(pod, volumes));
        if (spec["volumes"] is not JsonArray all) spec["volumes"] = all = [];
        all.Insert(all.Count, new JsonObject { ["name"] = VeleroLabels.RestoreMarksVolume, ["emptyDir"] = new JsonObject() });
    }

    private JsonObject Build(JsonObject pod, IEnumerable<string> volumes) => new()
    {
        ["name"] = VeleroLabels.RestoreWaitContainer,
        ["image"] = _image,
        // Agents of the same image run on the node already; with the tag "latest" the kubelet would ask a registry each time.
        ["imagePullPolicy"] = "IfNotPresent",
        ["command"] = new JsonArray([.. _command.Select(c => (JsonNode)c)]),
        ["args"] = new JsonArray((JsonNode)_restoreUid),
        ["env"] = new JsonArray(FieldVariable("POD_NAMESPACE", "metadata.namespace"), FieldVariable("POD_NAME", "metadata.name"), new JsonObject { ["name"] = "NODEAGENT_KEEP_MARKS", ["value"] = "true" }),
        ["volumeMounts"] = new JsonArray([.. volumes.Select(v => (JsonNode)new JsonObject { ["name"] = VeleroLabels.RestoreMarksVolume, ["mountPath"] = "/restores/" + v, ["subPath"] = v })]),
        ["resources"] = _resources.DeepClone(),
        ["securityContext"] = (_security ?? pod.Objects("spec", "containers").FirstOrDefault()?["securityContext"])?.DeepClone() ?? RestrictedSecurity(),
    };

    /// <summary>An image without a registry is passed over, and one without a tag gets that of the usual one, both as Velero has it.</summary>
    private static string Image(IReadOnlyDictionary<string, string> settings, string usual)
    {
        if (!settings.TryGetValue("image", out var image) || !image.Contains('/')) return usual;
        if (image[image.LastIndexOf('/')..].Contains(':')) return image;
        var colon = usual.LastIndexOf(':');
        return colon > usual.LastIndexOf('/') ? image + usual[colon..] : image;
    }

    private static JsonObject Resources(IReadOnlyDictionary<string, string> settings)
    {
        var result = new JsonObject();
        foreach (var (resource, prefix, usual) in new[] { ("cpu", "cpu", "100m"), ("memory", "mem", "128Mi") })
        {
            string Setting(string name) => settings.TryGetValue(prefix + name, out var value) && value.Length > 0 ? value : usual;
            var (request, limit) = (Setting("Request"), Setting("Limit"));
            var (requested, limited) = (Quantity(prefix + "Request", request), Quantity(prefix + "Limit", limit));
            if (limited > 0 && requested > limited) throw new FormatException($"{prefix}Request {request} is more than {prefix}Limit {limit}");
            // 0 stands for none.
            if (requested > 0) result.Child("requests")[resource] = request;
            if (limited > 0) result.Child("limits")[resource] = limit;
        }

        return result;
    }

    private static double Quantity(string name, string text)
    {
        var (suffix, factor) = Units.FirstOrDefault(u => text.EndsWith(u.Suffix, StringComparison.Ordinal), ("", 1));
        return double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? number * factor
            : throw new FormatException($"{name} \"{text}\" is no quantity such as 100m or 128Mi");
    }

    private static JsonObject? Security(IReadOnlyDictionary<string, string> settings)
    {
        string? Setting(string name) => settings.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
        var context = new JsonObject();
        if (Setting("secCtxRunAsUser") is { } user) context["runAsUser"] = Number("secCtxRunAsUser", user);
        if (Setting("secCtxRunAsGroup") is { } group) context["runAsGroup"] = Number("secCtxRunAsGroup", group);
        if (Setting("secCtxAllowPrivilegeEscalation") is { } escalation)
        {
            context["allowPrivilegeEscalation"] = escalation switch
            {
                "1" or "t" or "T" or "true" or "True" or "TRUE" => true,
                "0" or "f" or "F" or "false" or "False" or "FALSE" => false,
                _ => throw new FormatException($"secCtxAllowPrivilegeEscalation \"{escalation}\" is neither true nor false"),
            };
        }

        if (Setting("secCtx") is { } whole)
        {
            try
            {
                var fields = YamlJson.Parse(whole) as JsonObject ?? throw new FormatException("it is no object");
                foreach (var (name, value) in fields) context[name] = value?.DeepClone();
            }
            catch (FormatException e)
            {
                throw new FormatException($"secCtx: {e.Message}", e);
            }
        }

        return context.Count > 0 ? context : null;
    }

    private static long Number(string name, string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"{name} \"{text}\" is no number");

    private static JsonObject FieldVariable(string name, string path) => new()
    {
        ["name"] = name,
        ["valueFrom"] = new JsonObject { ["fieldRef"] = new JsonObject { ["fieldPath"] = path } },
    };

    /// <summary>What the "restricted" pod security standard admits.</summary>
    private static JsonObject RestrictedSecurity() => new()
    {
        ["allowPrivilegeEscalation"] = false,
        ["capabilities"] = new JsonObject { ["drop"] = new JsonArray((JsonNode)"ALL") },
        ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        ["runAsUser"] = 1000,
        ["runAsNonRoot"] = true,
    };
}
