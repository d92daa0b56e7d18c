using System.Globalization;
using System.Security.Cryptography;

namespace NodeAgent.Stores.S3;

/// <summary>The headers that the options make of each request, whoever signs it.</summary>
internal sealed class S3ObjectHeaders(S3StoreOptions options)
{
    /// <summary>The cold classes bill smaller objects as if they had this size.</summary>
    internal const int StorageClassFrom = 128 * 1024;

    private readonly List<KeyValuePair<string, string>> _customerKey = options.CustomerKey.IsEmpty
        ? []
        :
        [
            new("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            new("x-amz-server-side-encryption-customer-key", CustomerKey(options)!),
            new("x-amz-server-side-encryption-customer-key-md5", CustomerKeyMd5(options)!),
        ];

    /// <summary>The customer's key as it is sent; null when there is none.</summary>
    public static string? CustomerKey(S3StoreOptions options) => options.CustomerKey.IsEmpty ? null : Convert.ToBase64String(options.CustomerKey.Span);

#pragma warning disable CA5351 // MD5 is what the protocol asks for; it guards against accidents on the way, the engine's own hashes against the rest.
    /// <summary>The hash of it.</summary>
    public static string? CustomerKeyMd5(S3StoreOptions options) => options.CustomerKey.IsEmpty ? null : Convert.ToBase64String(MD5.HashData(options.CustomerKey.Span));

    /// <summary>What the server checks the body by. A bucket with object lock demands it, and all others know it since long.</summary>
    public static string ContentMd5(ReadOnlySpan<byte> body) => Convert.ToBase64String(MD5.HashData(body));
#pragma warning restore CA5351

    /// <summary>Of a HEAD or GET.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ForReading => _customerKey;

    /// <summary>Of a PUT, but for If-None-Match and Content-MD5.</summary>
    /// <param name="length">The body's.</param>
    /// <param name="now">By the server's clock; an object lock counts from then.</param>
    public List<KeyValuePair<string, string>> ForWriting(int length, DateTimeOffset now)
    {
        var headers = new List<KeyValuePair<string, string>>(_customerKey);
        if (options.StorageClass.Length > 0 && length >= StorageClassFrom) headers.Add(new("x-amz-storage-class", options.StorageClass));
        var encryption = options.ServerSideEncryption.Length > 0 ? options.ServerSideEncryption : options.KmsKeyId.Length > 0 ? "aws:kms" : "";
        if (encryption.Length > 0) headers.Add(new("x-amz-server-side-encryption", encryption));
        if (options.KmsKeyId.Length > 0) headers.Add(new("x-amz-server-side-encryption-aws-kms-key-id", options.KmsKeyId));
        if (options.Tagging.Length > 0) headers.Add(new("x-amz-tagging", options.Tagging));
        if (options.ObjectLockMode.Length > 0)
        {
            headers.Add(new("x-amz-object-lock-mode", options.ObjectLockMode));
            headers.Add(new("x-amz-object-lock-retain-until-date", now.UtcDateTime.AddDays(options.ObjectLockDays).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)));
        }

        return headers;
    }
}
