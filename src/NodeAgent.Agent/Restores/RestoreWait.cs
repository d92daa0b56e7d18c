using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Restores;

/// <summary>Reads off a pod where its init container <c>restore-wait</c> is.</summary>
internal static class RestoreWait
{
    public static RestoreWaitState StateOf(KubernetesObject pod)
    {
        if (Named(pod.Spec?["initContainers"]) is null) return RestoreWaitState.Missing;
        var state = Named(pod.Status?["initContainerStatuses"])?["state"] as JsonObject;
        if (state?["terminated"] is not null) return RestoreWaitState.Ended;
        return state?["running"] is not null ? RestoreWaitState.Running : RestoreWaitState.Waiting;
    }

    /// <summary>False for a pod in which the container looks into the restored volumes themselves, as earlier versions of the controller made them.</summary>
    public static bool HasMarksVolume(KubernetesObject pod) =>
        (Named(pod.Spec?["initContainers"])?["volumeMounts"] as JsonArray ?? []).OfType<JsonObject>().Any(m => m["name"]?.ToString() == VeleroLabels.RestoreMarksVolume);

    /// <summary>When the container that runs now was started; null when none runs.</summary>
    public static DateTimeOffset? StartedAt(KubernetesObject pod) =>
        (Named(pod.Status?["initContainerStatuses"])?["state"] as JsonObject)?["running"]?["startedAt"] is JsonValue value && value.TryGetValue<string>(out var text)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : null;

    private static JsonObject? Named(JsonNode? list) =>
        (list as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(c => c["name"] is JsonValue name && name.TryGetValue<string>(out var text) && text == VeleroLabels.RestoreWaitContainer);
}
