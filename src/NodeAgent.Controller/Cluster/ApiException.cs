using System.Net;

namespace NodeAgent.Controller.Cluster;

/// <summary>The API server refused a request; the message carries what it said.</summary>
internal sealed class ApiException(string message, HttpStatusCode status, string reason) : Exception(message)
{
    public HttpStatusCode Status { get; } = status;

    /// <summary>The machine-readable reason, such as AlreadyExists or Conflict; empty when there was none.</summary>
    public string Reason { get; } = reason;

    /// <summary>How long the server asks to wait before the next try; null when it does not.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
