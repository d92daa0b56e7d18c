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
    /// <summary>How long it is left at what a probe could not tell: each process asks an endpoint that cannot tell some thirty small requests in this time.</summary>
    private static readonly TimeSpan ProbesApart = TimeSpan.FromHours(1);

    private readonly S3StoreOptions _options;
    private readonly S3Endpoint _endpoint;
    private readonly S3PutRequests _puts;
    private readonly string _prefix;
    private volatile bool _bucketSeen;

    /// <param name="options">Where; see <see cref="S3StoreOptions.Validate"/>.</param>
    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public S3Store(S3StoreOptions options)
        : this(options, TimeProvider.System, Random.Shared)
    {
    }

    internal S3Store(S3StoreOptions options, TimeProvider time, Random random)
        : this(new S3Endpoint(options, time, random)) => _puts.Capabilities = S3CapabilityCache.Read(options);

    /// <summary>A store that knows nothing of what the endpoint does.</summary>
    private S3Store(S3Endpoint endpoint)
    {
        (_options, _endpoint, _prefix) = (endpoint.Options, endpoint, endpoint.Prefix);
        _puts = new S3PutRequests(endpoint);
    }

    /// <inheritdoc/>
    public string Location => _options.Location;

    /// <inheritdoc/>
    public bool HasExclusiveFences => false;

    /// <inheritdoc/>
    public int WorthwhileRead => 1 << 20;

    /// <summary>What the endpoint was found to do, here or by an earlier process; null when nobody has looked.</summary>
    public S3Capabilities? Capabilities => _puts.Capabilities;

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
        PutAsync(key, body, (conditional, token) => _puts.SendAsync(key, body, conditional, token), cancellationToken);

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

    /// <summary>
    /// <see cref="ProbeAsync"/>, when it can tell what is not known yet: nobody has looked, or an earlier version, or a failure that may have passed came in
    /// between. What a probe could not tell, or one that failed, is asked again after an hour at the earliest.
    /// </summary>
    /// <returns>What was found; null when nothing was asked, or no answer came and what is known suffices to write.</returns>
    /// <exception cref="StoreException">It cannot be asked, and nothing is known yet.</exception>
    public async Task<S3Capabilities?> ProbeIfUnknownAsync(CancellationToken cancellationToken)
    {
        if (Capabilities is not { } known) return await ProbeAsync(cancellationToken);
        // A clock that was wrong in between does not put it off for longer.
        if (known.ChecksBodyHash is not null || (_endpoint.AssumedTime - known.ProbedAt).Duration() < ProbesApart) return null;
        try
        {
            return await ProbeAsync(cancellationToken);
        }
        catch (StoreException)
        {
            // What is not known only makes writing slower: a backup is not to fail for it, nor the next one to wait for as long.
            var asked = known with { ProbedAt = _endpoint.AssumedTime };
            _puts.Capabilities = asked;
            S3CapabilityCache.Write(_options, asked);
            return null;
        }
    }

    /// <summary>Finds out what the endpoint does, goes by it from then on, and remembers it for later processes. Until then, and when it fails, what was known counts.</summary>
    /// <exception cref="StoreException">It cannot be asked.</exception>
    public async Task<S3Capabilities> ProbeAsync(CancellationToken cancellationToken)
    {
        // By a store that takes nothing for known. It has nothing of its own to dispose.
        var asking = new S3Store(_endpoint);
        var found = await new S3Probe(asking, _endpoint, asking._puts).RunAsync(cancellationToken);
        _puts.Capabilities = found;
        S3CapabilityCache.Write(_options, found);
        return found;
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
            try
            {
                await _puts.SendSignedAsync(key, body, conditional, takenAt, lifetime, token);
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
        if (!_puts.TrustsCondition && await StatAsync(key, cancellationToken) is not null) return PutOutcome.AlreadyExists;
        var conditional = _puts.MayHaveCondition;
        var mayBeMine = false;
        switch (await _endpoint.RunAsync("writing", Describe(key), Attempt, cancellationToken))
        {
            case 412 or 304: // 304: how some servers say 412
                // After an attempt whose answer was lost, the object that stands in the way may be this one.
                return mayBeMine && await HasSameContentAsync(key, body, cancellationToken) ? PutOutcome.Created : PutOutcome.AlreadyExists;
            case 501:
                _puts.LearnThatConditionIsRefused();
                return await PutAsync(key, body, send, cancellationToken);
            default:
                return PutOutcome.Created;
        }

        async ValueTask<int> Attempt(CancellationToken token)
        {
            try
            {
                await send(conditional, token);
                _bucketSeen = true;
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
