using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>Where the file can be fetched.</summary>
public sealed record DownloadRequestStatus
{
    /// <summary>State of the request.</summary>
    public string? Phase { get; init; }

    /// <summary>URL of the file; file:// for the filesystem provider.</summary>
    [JsonPropertyName("downloadURL")]
    public string? DownloadUrl { get; init; }

    /// <summary>When the URL stops working.</summary>
    public DateTimeOffset? Expiration { get; init; }

    /// <summary>Why the request failed.</summary>
    public string? Message { get; init; }
}
