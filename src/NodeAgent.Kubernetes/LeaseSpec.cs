using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes;

/// <summary>State of a lease. Times are the holder's and mean nothing by any other clock.</summary>
public sealed record LeaseSpec
{
    /// <summary>Empty or absent when nobody holds the lease.</summary>
    public string? HolderIdentity { get; init; }

    public int? LeaseDurationSeconds { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? AcquireTime { get; init; }

    [JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? RenewTime { get; init; }

    public int? LeaseTransitions { get; init; }
}
