using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Schedules;

/// <summary>Pods of one owner, or one pod without an owner, whose volumes are to be backed up on an expression of their own.</summary>
/// <param name="Root">The owner, or the pod itself.</param>
/// <param name="Expression">What the nearest annotation says.</param>
/// <param name="Pods">The pods that run.</param>
/// <param name="Locations">The locations that an annotation names; null for the default one.</param>
internal sealed record ScheduledWorkload(JsonObject Root, string Expression, IReadOnlyList<JsonObject> Pods, string? Locations);
