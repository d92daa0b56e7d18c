using System.Text.Json.Nodes;

namespace NodeAgent.Agent.Runs;

/// <summary>How a run ended.</summary>
/// <param name="Phase">The final phase.</param>
/// <param name="Message">Why it failed, or a remark; null for none.</param>
/// <param name="Status">What else its object's status shall say; may be empty.</param>
internal sealed record RunOutcome(string Phase, string? Message, JsonObject Status);
