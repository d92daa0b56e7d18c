using System.Text.Json;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>Init containers added to a restored pod.</summary>
public sealed record InitRestoreHook
{
    /// <summary>Containers, as in a pod.</summary>
    public IReadOnlyList<JsonElement>? InitContainers { get; init; }

    /// <summary>How long they may take.</summary>
    public TimeSpan? Timeout { get; init; }
}
