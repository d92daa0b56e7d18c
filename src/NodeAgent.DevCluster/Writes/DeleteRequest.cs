using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Writes;

/// <summary>The DeleteOptions of a request.</summary>
internal sealed record DeleteRequest
{
    public long? GracePeriodSeconds { get; init; }

    public string Propagation { get; init; } = "";

    public string Uid { get; init; } = "";

    public string ResourceVersion { get; init; } = "";

    public bool DryRun { get; init; }

    public static DeleteRequest From(JsonObject? body)
    {
        if (body is null)
            return new DeleteRequest();
        var grace = body.Number(-1, "gracePeriodSeconds");
        return new DeleteRequest
        {
            GracePeriodSeconds = grace < 0 ? null : grace,
            Propagation = body.Flag("orphanDependents") ? "Orphan" : body.Text("propagationPolicy"),
            Uid = body.Text("preconditions", "uid"),
            ResourceVersion = body.Text("preconditions", "resourceVersion"),
            DryRun = body["dryRun"] is JsonArray { Count: > 0 },
        };
    }
}
