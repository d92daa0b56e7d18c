namespace NodeAgent.Stores.S3;

/// <summary>What an endpoint was found to do with a bucket. Configuration and names are not believed: the common failure is a header that is ignored.</summary>
public sealed record S3Capabilities
{
    /// <summary>When this was found, by the server's clock.</summary>
    public DateTimeOffset ProbedAt { get; init; }

    /// <summary>A put on the condition that there is no such object is refused when there is one, and one of many at once wins.</summary>
    public bool HonoursConditionalPut { get; init; }

    /// <summary>Such a put is refused as unknown, so that it must be sent without the condition.</summary>
    public bool RefusesCondition { get; init; }

    /// <summary>A listing right after a put has the object.</summary>
    public bool ListsAfterPut { get; init; }

    /// <summary>A read right after a put gets it.</summary>
    public bool ReadsAfterPut { get; init; }

    /// <summary>A request whose signature has run out is refused.</summary>
    public bool RefusesExpired { get; init; }
}
