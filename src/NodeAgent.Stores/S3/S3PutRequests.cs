using System.Net;
using Amazon.Runtime;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>
/// Single requests that put an object, made as the endpoint was found to want them. What their answers mean for a store, where nothing is overwritten,
/// is <see cref="S3Store"/>'s to say. Thread-safe.
/// </summary>
internal sealed class S3PutRequests(S3Endpoint endpoint)
{
    private readonly S3StoreOptions _options = endpoint.Options;

    /// <summary>What the endpoint was found to do; null when nobody has looked.</summary>
    public S3Capabilities? Capabilities { get; set; }

    /// <summary>Whether the condition of a put decides. AWS is known to heed it.</summary>
    public bool TrustsCondition => Capabilities?.HonoursConditionalPut ?? _options.Endpoint.Length == 0;

    /// <summary>Whether puts may have the condition: false once the endpoint refused it as unknown.</summary>
    public bool MayHaveCondition => Capabilities?.RefusesCondition != true;

    /// <summary>Whether the hash that is signed is enough for the server to check a body by. MD5 costs more than all else that a put does, and is left out then.</summary>
    private bool TrustsBodyHash => Capabilities?.ChecksBodyHash == true && _options.ObjectLockMode.Length == 0;

    /// <summary>Goes without the condition from now on.</summary>
    public void LearnThatConditionIsRefused() => Capabilities = (Capabilities ?? new S3Capabilities()) with { HonoursConditionalPut = false, RefusesCondition = true };

    /// <summary>One put, by the kit. Throws unless the object was made.</summary>
    /// <param name="key">The object.</param>
    /// <param name="body">Its content.</param>
    /// <param name="conditional">Whether only when there is no such object.</param>
    /// <param name="token">Stops it.</param>
    public async ValueTask SendAsync(string key, ReadOnlyMemory<byte> body, bool conditional, CancellationToken token)
    {
        if (TrustsBodyHash)
        {
            try
            {
                await SendAsync(key, new BodyStream(body), body.Length, md5: null, conditional, token);
                return;
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.BadRequest && e.Message.Contains("Content-MD5", StringComparison.OrdinalIgnoreCase))
            {
                // As of a bucket that locks objects since the endpoint was looked at.
                if (Capabilities is { } known) S3CapabilityCache.Write(_options, Capabilities = known with { ChecksBodyHash = false });
            }
        }

        await SendAsync(key, new BodyStream(body), body.Length, S3ObjectHeaders.ContentMd5(body.Span), conditional, token);
    }

    /// <summary>One put with a signed address, which counts for a lifetime after a moment by the server's clock. Throws unless the object was made.</summary>
    /// <inheritdoc cref="SendAsync(string, ReadOnlyMemory{byte}, bool, CancellationToken)"/>
    public async ValueTask SendSignedAsync(string key, ReadOnlyMemory<byte> body, bool conditional, DateTimeOffset signedAt, TimeSpan lifetime, CancellationToken token)
    {
        var headers = endpoint.Headers.ForWriting(body.Length, signedAt);
        headers.Add(new("Content-MD5", S3ObjectHeaders.ContentMd5(body.Span)));
        if (conditional) headers.Add(new("If-None-Match", "*"));
        await endpoint.SendSignedAsync(HttpMethod.Put, key, headers, body, signedAt, lifetime, token);
    }

    /// <summary>One put, by the kit, without a look before it.</summary>
    /// <returns>The status; 200 also stands for other successes.</returns>
    public ValueTask<int> TrySendAsync(string key, ReadOnlyMemory<byte> body, bool conditional, CancellationToken cancellationToken) =>
        StatusAsync(key, token => SendAsync(key, body, conditional, token), cancellationToken);

    /// <summary>One put with a signed address.</summary>
    /// <returns>The status; 200 also stands for other successes.</returns>
    public ValueTask<int> TrySendSignedAsync(string key, ReadOnlyMemory<byte> body, DateTimeOffset signedAt, TimeSpan lifetime, CancellationToken cancellationToken) =>
        StatusAsync(key, token => SendSignedAsync(key, body, conditional: false, signedAt, lifetime, token), cancellationToken);

    /// <summary>One put without Content-MD5, by the kit, of a body that need not be the one whose hash is signed. Both have the same length. Not tried again.</summary>
    /// <returns>Null when it was taken, and otherwise why not.</returns>
    public async Task<RequestFailure?> TrySendChangedAsync(string key, byte[] signed, byte[] sent, CancellationToken cancellationToken)
    {
        try
        {
            await using var body = new ChangingStream(signed, sent);
            await SendAsync(key, body, sent.Length, md5: null, conditional: false, cancellationToken);
            return null;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && S3Failure.Of(e, _options) is not null)
        {
            return S3Failure.Of(e, _options);
        }
    }

    /// <summary>A refusal that the probe can make something of is a result; of other failures it dies, as any command would.</summary>
    private ValueTask<int> StatusAsync(string key, Func<CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        return endpoint.RunAsync("writing", endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<int> Attempt(CancellationToken token)
        {
            try
            {
                await send(token);
                return 200;
            }
            catch (Exception e) when (S3Failure.Of(e, _options) is { } failure && (failure.Status == 409 || (!failure.IsRetryable && failure.Status is 304 or 400 or 401 or 403 or 412 or 501)))
            {
                return S3Failure.Of(e, _options)!.Status;
            }
        }
    }

    private async ValueTask SendAsync(string key, Stream body, int length, string? md5, bool conditional, CancellationToken token)
    {
        var request = new PutObjectRequest
        {
            BucketName = _options.Bucket,
            Key = endpoint.Prefix + key,
            InputStream = body,
            MD5Digest = md5,
            UseChunkEncoding = false,
            AutoResetStreamPosition = true,
        };
        if (conditional) request.IfNoneMatch = "*";
        foreach (var (name, value) in endpoint.Headers.ForWriting(length, endpoint.AssumedTime)) request.Headers[name] = value;
        await endpoint.Client.PutObjectAsync(request, token);
    }
}
