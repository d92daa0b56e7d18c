using System.Net;

namespace NodeAgent.Kubernetes.Api;

/// <summary>The API server answered with an error. One that did not answer at all is an <see cref="HttpRequestException"/>.</summary>
public sealed class ApiException : Exception
{
    public ApiException(HttpStatusCode statusCode, string reason, string message)
        : base(message)
    {
        StatusCode = statusCode;
        Reason = reason;
    }

    public HttpStatusCode StatusCode { get; }

    /// <summary>The server's word for it, such as AlreadyExists or Expired; empty when it gave none.</summary>
    public string Reason { get; }

    /// <summary>What the server said, without the request in front of it.</summary>
    public string ServerMessage { get; init; } = "";

    /// <summary>Kind of the object that the error is about; null when the server did not say.</summary>
    public string? Kind { get; init; }

    /// <summary>Name of the object that the error is about; null when the server did not say.</summary>
    public string? Name { get; init; }

    /// <summary>How long the server asks to wait before the next try; null when it does not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Fields that were refused, each with the server's words; empty unless the object was invalid.</summary>
    public IReadOnlyList<ApiFieldError> FieldErrors { get; init; } = [];

    /// <summary>Goes on with a list whose snapshot has expired, from the newest state; null when the server offers none.</summary>
    internal string? ContinueToken { get; init; }

    /// <summary>The server refused while it said of itself that it was not ready: it does not know the cluster's roles yet, or its custom resources.</summary>
    public bool IsServerStarting { get; private init; }

    /// <summary>What was asked for is not there. A server that has just been started and finds nothing says nothing about it.</summary>
    public bool IsNotFound => StatusCode == HttpStatusCode.NotFound && !IsServerStarting;

    /// <summary>Not the object is missing, the server knows nothing at this path: neither its kind, or not yet.</summary>
    public bool IsUnknownPath => StatusCode == HttpStatusCode.NotFound && string.IsNullOrEmpty(Name);

    /// <summary>Somebody else changed the object since it was read.</summary>
    public bool IsConflict => StatusCode == HttpStatusCode.Conflict && Reason != "AlreadyExists";

    public bool IsAlreadyExists => StatusCode == HttpStatusCode.Conflict && Reason == "AlreadyExists";

    /// <summary>The asked-for version is no longer kept: list again.</summary>
    public bool IsGone => StatusCode == HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public bool IsInvalid => StatusCode == HttpStatusCode.UnprocessableEntity;

    public bool IsForbidden => StatusCode == HttpStatusCode.Forbidden;

    public bool IsUnauthorized => StatusCode == HttpStatusCode.Unauthorized;

    public bool IsTooManyRequests => StatusCode == HttpStatusCode.TooManyRequests;

    /// <summary>
    /// The server does not keep up, or has just been started: the same request may succeed later although nothing else changes. A server that
    /// starts answers before it knows the cluster's accounts, roles and custom resources: 401 to tokens that are valid, 403 that blames roles for being
    /// missing, and 404 for objects that are there.
    /// </summary>
    public bool IsTransient =>
        IsTooManyRequests || IsUnauthorized || IsServerStarting || StatusCode >= HttpStatusCode.InternalServerError
        || (IsForbidden && ServerMessage.IndexOf(": RBAC: ", StringComparison.Ordinal) is >= 0 and var at && ServerMessage.IndexOf(" not found", at, StringComparison.Ordinal) > 0);

    /// <summary>The same error, of a server that is not ready.</summary>
    internal ApiException WhileStarting() => new(StatusCode, Reason, $"{Message} (the server is not ready)")
    {
        ServerMessage = ServerMessage,
        Kind = Kind,
        Name = Name,
        RetryAfter = RetryAfter,
        FieldErrors = FieldErrors,
        ContinueToken = ContinueToken,
        IsServerStarting = true,
    };
}
