using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>
/// Objects in a bucket of AWS or a compatible server. Each is put by one request, on the condition that there is none of that
/// name; a server that is not known to heed the condition is asked before.
/// </summary>
/// <remarks>
/// Names are made of contents or drawn at random, and nothing is overwritten, so every request may be repeated. Without exclusive
/// fences: see <see cref="SignedFence"/>.
/// </remarks>
public sealed class S3Store : IObjectStore, IFencedWrites
{
    private readonly S3StoreOptions _options;
    private readonly S3Endpoint _endpoint;
    private readonly S3ObjectHeaders _headers;
    private readonly string _prefix;
    private S3Capabilities? _capabilities;
    private volatile bool _bucketSeen;

    /// <param name="options">Where; see <see cref="S3StoreOptions.Validate"/>.</param>
    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public S3Store(S3StoreOptions options)
        : this(options, TimeProvider.System, Random.Shared)
    {
    }

    internal S3Store(S3StoreOptions options, TimeProvider time, Random random)
    {
        _endpoint = new S3Endpoint(options, time, random);
        (_options, _headers, _prefix) = (options, _endpoint.Headers, _endpoint.Prefix);
        _capabilities = S3CapabilityCache.Read(options);
    }

    /// <inheritdoc/>
    public string Location => _options.Location;

    /// <inheritdoc/>
    public bool HasExclusiveFences => false;

    /// <summary>What the endpoint was found to do, here or by an earlier process; null when nobody has looked.</summary>
    public S3Capabilities? Capabilities => _capabilities;

    private bool IsAws => _options.Endpoint.Length == 0;

    /// <summary>Whether the condition of a put decides. AWS is known to heed it.</summary>
    private bool TrustsCondition => _capabilities?.HonoursConditionalPut ?? IsAws;

    /// <summary>Whether the hash that is signed is enough for the server to check a body by. MD5 costs more than all else that a put does, and is left out then.</summary>
    private bool TrustsBodyHash => _capabilities?.ChecksBodyHash == true && _options.ObjectLockMode.Length == 0;

    /// <inheritdoc/>
    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _endpoint.GetTimeAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        if (mode == FenceMode.Exclusive) throw new NotSupportedException($"{Location} has no exclusive fences");
        ArgumentOutOfRangeException.ThrowIfLessThan(lifetime, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lifetime, S3QuerySigner.MaxLifetime);
        return new SignedFence(this, await GetTimeAsync(cancellationToken), lifetime);
    }

    /// <inheritdoc/>
    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        PutAsync(key, body, (conditional, token) => SendPutAsync(key, body, conditional, token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return ReadRangeAsync(key, offset, destination, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        return _endpoint.RunAsync("reading", Describe(key), Attempt, cancellationToken);

        async ValueTask<byte[]> Attempt(CancellationToken token)
        {
            try
            {
                // A range even for the whole: without one the kit takes the ETag for an MD5 and hashes all that is read.
                using var answer = await GetAsync(key, new ByteRange(0, maxLength), token);
                var length = S3Answer.LengthOf(answer);
                if (length > maxLength)
                    throw new StoreException(StoreFailure.Other, "reading", Describe(key), $"it has {length} bytes, more than the {maxLength} that such an object can have");
                var content = new byte[length];
                await answer.ResponseStream.ReadExactlyAsync(content, token);
                return content;
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                // An empty object has no first byte.
                return [];
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        return _endpoint.RunAsync("looking for", Describe(key), Attempt, cancellationToken);

        async ValueTask<StoreEntry?> Attempt(CancellationToken token)
        {
            try
            {
                var request = new GetObjectMetadataRequest { BucketName = _options.Bucket, Key = _prefix + key };
                if (!_options.CustomerKey.IsEmpty)
                    (request.ServerSideEncryptionCustomerMethod, request.ServerSideEncryptionCustomerProvidedKey, request.ServerSideEncryptionCustomerProvidedKeyMD5) = _endpoint.CustomerKey;
                var answer = await _endpoint.Client.GetObjectMetadataAsync(request, token);
                return new StoreEntry(key, answer.ContentLength, S3Answer.Utc(answer.LastModified));
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.NotFound && _bucketSeen)
            {
                return null;
            }
            catch (AmazonServiceException e) when (e.StatusCode is >= HttpStatusCode.MovedPermanently and < HttpStatusCode.InternalServerError and not HttpStatusCode.TooManyRequests)
            {
                // The answer to HEAD has no body and tells no reason: a missing bucket looks like a missing object.
                return await AskAgainAsync(key, token);
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        StoreKey.RequirePrefix(prefix);
        string? next = null;
        do
        {
            var page = await _endpoint.ListPageAsync(prefix, null, next, null, cancellationToken);
            _bucketSeen = true;
            // What other programs left below the prefix: no method would take such a name.
            foreach (var entry in page.Objects.Where(o => StoreKey.IsValid(o.Key))) yield return entry;
            next = page.Next;
        }
        while (next is not null);
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        DeleteAsync(key, token => new ValueTask(_endpoint.Client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _options.Bucket, Key = _prefix + key }, token)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _endpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Finds out what the endpoint does, goes by it from now on, and remembers it for later processes.</summary>
    /// <exception cref="StoreException">It cannot be asked.</exception>
    public async Task<S3Capabilities> ProbeAsync(CancellationToken cancellationToken)
    {
        _capabilities = null;
        _capabilities = await new S3Probe(this).RunAsync(cancellationToken);
        S3CapabilityCache.Write(_options, _capabilities);
        return _capabilities;
    }

    /// <summary>One put, by the kit, without a look before it.</summary>
    /// <returns>The status; 200 also stands for other successes.</returns>
    internal Task<int> TryPutAsync(string key, ReadOnlyMemory<byte> body, bool conditional, CancellationToken cancellationToken) =>
        StatusAsync(key, token => SendPutAsync(key, body, conditional, token), cancellationToken);

    /// <summary>One put without Content-MD5, by the kit, of a body that need not be the one whose hash is signed. Both have the same length. Not tried again.</summary>
    /// <returns>Whether it was taken, and otherwise the server's word for why not; empty when it has none, or there was no answer.</returns>
    internal async Task<(bool IsTaken, string Code)> TryPutChangedAsync(string key, byte[] signed, byte[] sent, CancellationToken cancellationToken)
    {
        try
        {
            await using var body = new ChangingStream(signed, sent);
            await SendPutAsync(key, body, sent.Length, md5: null, conditional: false, cancellationToken);
            return (true, "");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && S3Failure.Of(e, _options) is not null)
        {
            return (false, S3Failure.Of(e, _options)!.Code);
        }
    }

    /// <summary>One put with a signed address.</summary>
    internal Task<int> TryPutSignedAsync(string key, ReadOnlyMemory<byte> body, DateTimeOffset signedAt, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var headers = _headers.ForWriting(body.Length, signedAt);
        headers.Add(new("Content-MD5", S3ObjectHeaders.ContentMd5(body.Span)));
        return StatusAsync(key, async token => await _endpoint.SendSignedAsync(HttpMethod.Put, key, headers, body, signedAt, lifetime, token), cancellationToken);
    }

    /// <summary>Whether deleted objects stay as versions; null when it may not be asked or is not known here.</summary>
    internal async Task<bool?> KeepsVersionsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _endpoint.RunAsync<bool?>("asking for the versioning of", Location, Attempt, cancellationToken);
        }
        catch (StoreException)
        {
            return null;
        }

        async ValueTask<bool?> Attempt(CancellationToken token) =>
            (await _endpoint.Client.GetBucketVersioningAsync(new GetBucketVersioningRequest { BucketName = _options.Bucket }, token)).VersioningConfig?.Status == VersionStatus.Enabled;
    }

    async ValueTask<PutOutcome> IFencedWrites.PutFencedAsync(string key, ReadOnlyMemory<byte> body, DateTimeOffset takenAt, TimeSpan lifetime, Action onDoubt, CancellationToken cancellationToken)
    {
        var mayBeThere = false;
        try
        {
            return await PutAsync(key, body, Attempt, cancellationToken);
        }
        catch (StoreException e) when (IsExpiry(e, takenAt, lifetime))
        {
            // An earlier attempt whose answer was lost may have been carried out; what is there is published.
            if (mayBeThere && await HasSameContentAsync(key, body, cancellationToken)) return PutOutcome.Created;
            throw new FenceExpiredException(Describe(key), lifetime);
        }

        async ValueTask Attempt(bool conditional, CancellationToken token)
        {
            var headers = _headers.ForWriting(body.Length, takenAt);
            headers.Add(new("Content-MD5", S3ObjectHeaders.ContentMd5(body.Span)));
            if (conditional) headers.Add(new("If-None-Match", "*"));
            try
            {
                await _endpoint.SendSignedAsync(HttpMethod.Put, key, headers, body, takenAt, lifetime, token);
            }
            catch (Exception e) when (S3Failure.Of(e, _options) is { IsAmbiguous: true })
            {
                mayBeThere = true;
                onDoubt();
                throw;
            }
        }
    }

    async ValueTask<bool> IFencedWrites.DeleteFencedAsync(string key, DateTimeOffset takenAt, TimeSpan lifetime, Action onDoubt, CancellationToken cancellationToken)
    {
        try
        {
            return await DeleteAsync(key, Attempt, cancellationToken);
        }
        catch (StoreException e) when (IsExpiry(e, takenAt, lifetime))
        {
            throw new FenceExpiredException(Describe(key), lifetime);
        }

        async ValueTask Attempt(CancellationToken token)
        {
            try
            {
                await _endpoint.SendSignedAsync(HttpMethod.Delete, key, [], null, takenAt, lifetime, token);
            }
            catch (Exception e) when (S3Failure.Of(e, _options) is { IsAmbiguous: true })
            {
                onDoubt();
                throw;
            }
        }
    }

    /// <summary>Puts, whoever sends; <paramref name="send"/> throws unless the object was made.</summary>
    private async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, Func<bool, CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        if (!TrustsCondition && await StatAsync(key, cancellationToken) is not null) return PutOutcome.AlreadyExists;
        var conditional = _capabilities?.RefusesCondition != true;
        var mayBeMine = false;
        switch (await _endpoint.RunAsync("writing", Describe(key), Attempt, cancellationToken))
        {
            case 412 or 304: // 304: how some servers say 412
                // After an attempt whose answer was lost, the object that stands in the way may be this one.
                return mayBeMine && await HasSameContentAsync(key, body, cancellationToken) ? PutOutcome.Created : PutOutcome.AlreadyExists;
            case 501:
                _capabilities = (_capabilities ?? new S3Capabilities()) with { HonoursConditionalPut = false, RefusesCondition = true };
                return await PutAsync(key, body, send, cancellationToken);
            default:
                return PutOutcome.Created;
        }

        async ValueTask<int> Attempt(CancellationToken token)
        {
            try
            {
                await send(conditional, token);
                return 200;
            }
            catch (Exception e) when (S3Failure.Of(e, _options) is { } failure)
            {
                mayBeMine |= failure.IsAmbiguous;
                if (conditional && failure.Status is 412 or 304 or 501) return failure.Status;
                throw;
            }
        }
    }

    /// <summary>A refusal that the probe can make something of is a result; of other failures it dies, as any command would.</summary>
    private async Task<int> StatusAsync(string key, Func<CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        return await _endpoint.RunAsync("writing", Describe(key), Attempt, cancellationToken);

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

    private async ValueTask SendPutAsync(string key, ReadOnlyMemory<byte> body, bool conditional, CancellationToken token)
    {
        if (TrustsBodyHash)
        {
            try
            {
                await SendPutAsync(key, new BodyStream(body), body.Length, md5: null, conditional, token);
                return;
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.BadRequest && e.Message.Contains("Content-MD5", StringComparison.OrdinalIgnoreCase))
            {
                // As of a bucket that locks objects since the endpoint was looked at.
                if (_capabilities is { } known) S3CapabilityCache.Write(_options, _capabilities = known with { ChecksBodyHash = false });
            }
        }

        await SendPutAsync(key, new BodyStream(body), body.Length, S3ObjectHeaders.ContentMd5(body.Span), conditional, token);
    }

    private async ValueTask SendPutAsync(string key, Stream body, int length, string? md5, bool conditional, CancellationToken token)
    {
        var request = new PutObjectRequest
        {
            BucketName = _options.Bucket,
            Key = _prefix + key,
            InputStream = body,
            MD5Digest = md5,
            UseChunkEncoding = false,
            AutoResetStreamPosition = true,
        };
        if (conditional) request.IfNoneMatch = "*";
        foreach (var (name, value) in _headers.ForWriting(length, _endpoint.AssumedTime)) request.Headers[name] = value;
        await _endpoint.Client.PutObjectAsync(request, token);
        _bucketSeen = true;
    }

    private async ValueTask<bool> DeleteAsync(string key, Func<CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        // S3 answers alike whether there was something to delete or not.
        if (await StatAsync(key, cancellationToken) is null) return false;
        return await _endpoint.RunAsync("deleting", Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                await send(token);
            }
            catch (Exception e) when (S3Failure.Of(e, _options) is { Kind: StoreFailure.NotFound })
            {
                // Somebody else was quicker, or an attempt whose answer was lost did it.
            }

            return true;
        }
    }

    private async ValueTask ReadRangeAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (destination.IsEmpty)
        {
            // There is no range of no bytes; what is left to say is whether the object is there and so long.
            if (await StatAsync(key, cancellationToken) is not { } entry) throw new StoreException(StoreFailure.NotFound, "reading", Describe(key), "it is not there");
            if (entry.Length < offset) throw EndsBefore(key, offset);
            return;
        }

        await _endpoint.RunAsync("reading", Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                using var answer = await GetAsync(key, new ByteRange(offset, offset + destination.Length - 1), token);
                if (answer.HttpStatusCode != HttpStatusCode.PartialContent)
                {
                    // The whole object: the server does not know ranges.
                    if (answer.ContentLength < offset + destination.Length) throw EndsBefore(key, offset + destination.Length);
                    await S3Answer.SkipAsync(answer.ResponseStream, offset, token);
                }
                else if (answer.ContentLength < destination.Length)
                {
                    throw EndsBefore(key, offset + destination.Length);
                }

                await answer.ResponseStream.ReadExactlyAsync(destination, token);
                return true;
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                throw EndsBefore(key, offset + destination.Length);
            }
        }
    }

    private async ValueTask<GetObjectResponse> GetAsync(string key, ByteRange range, CancellationToken token)
    {
        var request = new GetObjectRequest { BucketName = _options.Bucket, Key = _prefix + key, ByteRange = range };
        if (!_options.CustomerKey.IsEmpty)
            (request.ServerSideEncryptionCustomerMethod, request.ServerSideEncryptionCustomerProvidedKey, request.ServerSideEncryptionCustomerProvidedKeyMD5) = _endpoint.CustomerKey;
        var answer = await _endpoint.Client.GetObjectAsync(request, token);
        _bucketSeen = true;
        return answer;
    }

    private async ValueTask<StoreEntry?> AskAgainAsync(string key, CancellationToken token)
    {
        try
        {
            using var answer = await GetAsync(key, new ByteRange(0, 0), token);
            return new StoreEntry(key, S3Answer.LengthOf(answer), S3Answer.Utc(answer.LastModified));
        }
        catch (AmazonServiceException e) when (S3Failure.Of(e, _options) is { Kind: StoreFailure.NotFound })
        {
            _bucketSeen = true;
            return null;
        }
    }

    private async ValueTask<bool> HasSameContentAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        if (await StatAsync(key, cancellationToken) is not { } entry || entry.Length != body.Length) return false;
        return (await ReadAllAsync(key, body.Length, cancellationToken)).AsSpan().SequenceEqual(body.Span);
    }

    /// <summary>A refusal is the fence's end when the server says so or by its clock the time was over; any other has another reason.</summary>
    private static bool IsExpiry(StoreException exception, DateTimeOffset takenAt, TimeSpan lifetime) =>
        exception.InnerException is S3RequestException { Status: 400 or 401 or 403 } refusal
        && refusal.Code is not ("InvalidAccessKeyId" or "SignatureDoesNotMatch" or "ExpiredToken" or "InvalidToken")
        && (refusal.ServerMessage.Contains("expired", StringComparison.OrdinalIgnoreCase) || refusal.ServerTime is { } time && time - takenAt >= lifetime);

    private StoreException EndsBefore(string key, long end) =>
        new(StoreFailure.Other, "reading", Describe(key), $"it ends before byte {end}", "the object is truncated: run \"nodeagent repo check\"");

    private string Describe(string key) => _endpoint.Describe(key);
}
