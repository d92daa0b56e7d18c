using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Api;

/// <summary>How an object is deleted. What is not set is left to the server.</summary>
public sealed record DeleteOptions
{
    public static readonly DeleteOptions Default = new();

    public DeletePropagation? Propagation { get; init; }

    public int? GracePeriodSeconds { get; init; }

    /// <summary>Deletes only the object with this uid, not another that took its name.</summary>
    public string? Uid { get; init; }

    /// <summary>Deletes only if nobody changed the object since this version.</summary>
    public string? ResourceVersion { get; init; }

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
        if (Propagation is { } propagation) json["propagationPolicy"] = propagation.ToString();
        if (GracePeriodSeconds is { } seconds) json["gracePeriodSeconds"] = seconds;
        if (Uid is null && ResourceVersion is null) return json;
        var preconditions = new JsonObject();
        if (Uid is not null) preconditions["uid"] = Uid;
        if (ResourceVersion is not null) preconditions["resourceVersion"] = ResourceVersion;
        json["preconditions"] = preconditions;
        return json;
    }
}
