using System.Text.Json.Serialization;

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

    /// <summary>A request whose signature is in its address is taken, and is refused once the signature has run out.</summary>
    public bool RefusesExpired { get; init; }

    /// <summary>A body is taken by its signed SHA-256 alone, without Content-MD5, and one that has another is refused. Null when nobody has asked that, as an earlier version, or the answer was a failure that may pass.</summary>
    public bool? ChecksBodyHash { get; init; }

    /// <summary>Whether a deleted object stays behind as an old version; null when the key may not ask.</summary>
    public bool? KeepsVersions { get; init; }

    /// <summary>What of it people should know of, a line each; empty for an endpoint that does all there is.</summary>
    [JsonIgnore]
    public IEnumerable<string> Warnings
    {
        get
        {
            if (!HonoursConditionalPut)
                yield return "the endpoint does not heed If-None-Match: each write is preceded by a look, and of two that make the same repository at the same moment both may believe to have done so";
            if (!ReadsAfterPut) yield return "the endpoint did not give back an object right after it was written: a check may miss what is there";
            if (!ListsAfterPut) yield return "the endpoint's listing lacked an object right after it was written: runs may do work again, and collection waits longer";
            if (!RefusesExpired) yield return "the endpoint takes requests whose signature has run out: a machine that is frozen while others collect can publish what is gone; do not collect while backups may run";
            if (KeepsVersions == true) yield return "the bucket keeps versions: what is deleted goes on taking space until a lifecycle rule removes old versions";
        }
    }
}
