using System.Net.Sockets;
using System.Security.Authentication;
using Amazon.Runtime;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.S3;

/// <summary>A failed request as the store judges it: whether to try again, and what to tell.</summary>
internal sealed record S3Failure(StoreFailure Kind, string Why, string? Hint = null)
{
    private const int MaxServerMessage = 200;

    /// <summary>Whether it may work when tried again.</summary>
    public bool IsRetryable => Kind == StoreFailure.Transient;

    /// <summary>Whether the endpoint asks for less load.</summary>
    public bool IsThrottling { get; init; }

    /// <summary>Whether no connection came about: the request was never seen.</summary>
    public bool IsUnreachable { get; init; }

    /// <summary>The HTTP status; 0 when there was no answer.</summary>
    public int Status { get; init; }

    /// <summary>S3's word for it; empty when there is none.</summary>
    public string Code { get; init; } = "";

    /// <summary>Whether the request may have been carried out all the same.</summary>
    public bool IsAmbiguous => !IsUnreachable && Status is 0 or 408 or (>= 500 and not 501);

    /// <summary>Judges an exception; null for one that is no failure of a request.</summary>
    public static S3Failure? Of(Exception exception, S3StoreOptions options)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case S3RequestException own:
                    return OfAnswer(own.Status, own.Code, own.ServerMessage, options) with { Status = own.Status, Code = own.Code };
                case AmazonUnmarshallingException:
                    return new(StoreFailure.Transient, "the answer was cut or is not S3's", "is the endpoint an S3 server?");
                case AmazonServiceException { StatusCode: not 0 } service:
                    var code = service.ErrorCode ?? "";
                    return OfAnswer((int)service.StatusCode, code, service.Message, options) with { Status = (int)service.StatusCode, Code = code };
                case AuthenticationException:
                    return new(StoreFailure.Other, "the server's certificate is not trusted", "give the CA certificate of the endpoint, or skip the verification") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                    return new(StoreFailure.Transient, "the host name is not known", "check the endpoint, the region and the DNS") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return new(StoreFailure.Transient, "nothing listens at the endpoint", "check its address and port, and whether the server runs") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.NetworkUnreachable or SocketError.HostUnreachable } socket:
                    return new(StoreFailure.Transient, socket.Message, "check the network and the endpoint's address") { IsUnreachable = true };
                case TimeoutException timeout:
                    return new(StoreFailure.Transient, timeout.Message, "check the network");
            }
        }

        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is IOException or HttpRequestException or SocketException) return new(StoreFailure.Transient, $"the connection broke: {Flatten(e.Message)}");
        }

        return exception switch
        {
            OperationCanceledException => new(StoreFailure.Transient, "no connection within the time for it", "check the network and the endpoint's address") { IsUnreachable = true },
            AmazonClientException when exception.Message.StartsWith("Failed to resolve AWS credentials", StringComparison.Ordinal) =>
                new(StoreFailure.PermissionDenied, "no credentials: there are none in the environment, the credentials file, a web identity or the machine's role", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a credentials file and a profile"),
            // How the kit tells that a place of credentials could not be used.
            AmazonClientException => new(StoreFailure.PermissionDenied, $"no credentials: {Flatten(exception.Message)}", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a credentials file and a profile"),
            _ => null,
        };
    }

    private static S3Failure OfAnswer(int status, string code, string message, S3StoreOptions options) => (status, code) switch
    {
        (_, "NoSuchBucket") => new(StoreFailure.Other, $"bucket {options.Bucket} does not exist", "make it, or check its name and the endpoint"),
        (404, _) => new(StoreFailure.NotFound, "it is not there"),
        (_, "SignatureDoesNotMatch") => new(StoreFailure.PermissionDenied, "the secret key does not belong to the access key", "check the secret key; a proxy that changes requests has the same effect"),
        (_, "InvalidAccessKeyId") => new(StoreFailure.PermissionDenied, "the server does not know the access key", "check the access key, and that it belongs to this endpoint"),
        (_, "ExpiredToken" or "TokenRefreshRequired" or "InvalidToken" or "ExpiredTokenException") => new(StoreFailure.PermissionDenied, "the temporary credentials have expired or their session token is wrong", "get new ones"),
        (_, "RequestTimeTooSkewed") => new(StoreFailure.PermissionDenied, "this machine's clock and the server's differ too much", "set the clock, for example by NTP"),
        (_, "QuotaExceeded" or "XMinioStorageFull" or "InsufficientCapacity" or "StorageFull") or (507, _) => new(StoreFailure.DiskFull, "the store's space or quota is used up", "free some or raise the quota; what was published before is safe"),
        (_, "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException" or "AuthorizationQueryParametersError") or (301, _) =>
            new(StoreFailure.Other, $"the bucket is in another region or at another endpoint: {Flatten(message)}", "give the bucket's own region"),
        (_, "InvalidStorageClass") => new(StoreFailure.Other, $"the server does not have storage class {options.StorageClass}", "name another or none"),
        (403, _) => new(StoreFailure.PermissionDenied, $"access denied{(code is "AccessDenied" or "Forbidden" or "" ? "" : $" ({code})")}", "the key needs s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects; a bucket policy or an object lock can forbid it too"),
        (503 or 429, _) or (_, "SlowDown" or "TooManyRequests" or "RequestLimitExceeded" or "Throttling" or "ThrottlingException") =>
            new(StoreFailure.Transient, $"the server is overloaded ({Name(status, code)})") { IsThrottling = true },
        (500 or 502 or 504 or 408 or 409, _) or (_, "RequestTimeout" or "BadDigest" or "IncompleteBody" or "InternalError" or "XAmzContentSHA256Mismatch") =>
            new(StoreFailure.Transient, $"{Name(status, code)}: {Flatten(message)}"),
        // S3 names its reasons. Without one, the server could not read the request: the connection was cut or out of step.
        (400, "BadRequest" or "") => new(StoreFailure.Transient, "the server could not read the request (HTTP 400)", "is the endpoint an S3 server, and does it expect https?"),
        _ => new(StoreFailure.Other, $"{Name(status, code)}: {Flatten(message)}"),
    };

    private static string Name(int status, string code) => code.Length == 0 ? $"HTTP {status}" : $"{status} {code}";

    /// <summary>One line of text that others wrote; one that quotes a signed URL is left out.</summary>
    private static string Flatten(string text)
    {
        if (text.Contains("X-Amz-", StringComparison.OrdinalIgnoreCase)) return "the server's message is not shown because it holds a signed address";
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim().TrimEnd('.');
        return line.Length <= MaxServerMessage ? line : line[..MaxServerMessage] + "...";
    }
}
