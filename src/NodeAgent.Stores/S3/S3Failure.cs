using Amazon.Runtime;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>What failed requests to S3 come to.</summary>
internal static class S3Failure
{
    /// <summary>Judges an exception; null for one that is no failure of a request.</summary>
    public static RequestFailure? Of(Exception exception, S3StoreOptions options)
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
            }
        }

        return RequestFailure.OfConnection(exception) ?? exception switch
        {
            AmazonClientException when exception.Message.StartsWith("Failed to resolve AWS credentials", StringComparison.Ordinal) =>
                new(StoreFailure.PermissionDenied, "no credentials: there are none in the environment, the credentials file, a web identity or the machine's role", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a credentials file and a profile"),
            // How the kit tells that a place of credentials could not be used.
            AmazonClientException => new(StoreFailure.PermissionDenied, $"no credentials: {Flatten(exception.Message)}", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a credentials file and a profile"),
            _ => null,
        };
    }

    private static RequestFailure OfAnswer(int status, string code, string message, S3StoreOptions options) => (status, code) switch
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

    /// <summary>One line of the server's; one that quotes a signed URL is left out.</summary>
    private static string Flatten(string text) =>
        text.Contains("X-Amz-", StringComparison.OrdinalIgnoreCase) ? "the server's message is not shown because it holds a signed address" : RequestFailure.OneLine(text);
}
