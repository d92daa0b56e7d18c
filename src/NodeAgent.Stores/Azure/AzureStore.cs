using System.Net;
using System.Runtime.CompilerServices;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>
/// Objects as block blobs of a container. Each is put by one request, on the condition that there is none of that name; the service heeds it.
/// </summary>
/// <remarks>
/// Names are made of contents or drawn at random, and nothing is overwritten, so every request may be repeated. Without exclusive
/// fences: see <see cref="SignedFence"/>.
/// </remarks>
internal sealed class AzureStore : IObjectStore, IFencedWrites
{
    /// <summary>Snapshots that others took of a blob go with it; without this the service would refuse.</summary>
    private static readonly KeyValuePair<string, string>[] WithSnapshots = [new("x-ms-delete-snapshots", "include")];

    private readonly AzureEndpoint _endpoint;

    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public AzureStore(AzureStoreOptions options)
        : this(options, TimeProvider.System, Random.Shared)
    {
    }

    internal AzureStore(AzureStoreOptions options, TimeProvider time, Random random) => _endpoint = new AzureEndpoint(options, time, random);

    public string Location => _endpoint.Location;

    public bool HasExclusiveFences => false;

    public int WorthwhileRead => 1 << 20;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _endpoint.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        if (mode == FenceMode.Exclusive) throw new NotSupportedException($"{Location} has no exclusive fences");
        ArgumentOutOfRangeException.ThrowIfLessThan(lifetime, TimeSpan.FromSeconds(1));
        return new SignedFence(this, await GetTimeAsync(cancellationToken), lifetime);
    }

    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        PutAsync(key, body, (headers, token) => _endpoint.SendAsync(HttpMethod.Put, key, "", headers, body, token), cancellationToken);

    public async ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
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
                using var answer = await _endpoint.SendAsync(HttpMethod.Get, key, "", [AzureEndpoint.Range(offset, destination.Length)], null, token);
                if (answer.StatusCode != HttpStatusCode.PartialContent && offset > 0)
                    throw new StoreException(StoreFailure.Other, "reading", Describe(key), "the server does not know ranges", "does a proxy remove headers?");
                if (answer.Content.Headers.ContentLength < destination.Length) throw EndsBefore(key, offset + destination.Length);
                await using var content = await answer.Content.ReadAsStreamAsync(token);
                await content.ReadExactlyAsync(destination, token);
                return true;
            }
            catch (AzureRequestException e) when (e.Status == (int)HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                throw EndsBefore(key, offset + destination.Length);
            }
        }
    }

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        return _endpoint.RunAsync("reading", Describe(key), Attempt, cancellationToken);

        async ValueTask<byte[]> Attempt(CancellationToken token)
        {
            using var answer = await _endpoint.SendAsync(HttpMethod.Get, key, "", [], null, token);
            var length = LengthOf(answer, key);
            if (length > maxLength)
                throw new StoreException(StoreFailure.Other, "reading", Describe(key), $"it has {length} bytes, more than the {maxLength} that such an object can have");
            var body = new byte[length];
            await using var content = await answer.Content.ReadAsStreamAsync(token);
            await content.ReadExactlyAsync(body, token);
            return body;
        }
    }

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        return _endpoint.RunAsync("looking for", Describe(key), Attempt, cancellationToken);

        async ValueTask<StoreEntry?> Attempt(CancellationToken token)
        {
            try
            {
                using var answer = await _endpoint.SendAsync(HttpMethod.Head, key, "", [], null, token);
                return new StoreEntry(key, LengthOf(answer, key), answer.Content.Headers.LastModified ?? default);
            }
            catch (AzureRequestException e) when (IsAbsence(e))
            {
                return null;
            }
        }
    }

    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        StoreKey.RequirePrefix(prefix);
        string? next = null;
        do
        {
            var page = await _endpoint.ListPageAsync(prefix, null, next, null, cancellationToken);
            // What other programs left below the prefix: no method would take such a name.
            foreach (var entry in page.Objects.Where(o => StoreKey.IsValid(o.Key))) yield return entry;
            next = page.Next;
        }
        while (next is not null);
    }

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        DeleteAsync(key, token => _endpoint.SendAsync(HttpMethod.Delete, key, "", WithSnapshots, null, token), static () => { }, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _endpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    async ValueTask<PutOutcome> IFencedWrites.PutFencedAsync(string key, ReadOnlyMemory<byte> body, DateTimeOffset takenAt, TimeSpan lifetime, Action onDoubt, CancellationToken cancellationToken)
    {
        var mayBeThere = false;
        try
        {
            return await PutAsync(key, body, SendAsync, cancellationToken);
        }
        catch (StoreException e) when (IsExpiry(e, takenAt, lifetime))
        {
            // An earlier attempt whose answer was lost may have been carried out; what is there is published.
            if (mayBeThere && await HasSameContentAsync(key, body, cancellationToken)) return PutOutcome.Created;
            throw new FenceExpiredException(Describe(key), lifetime);
        }

        async Task<HttpResponseMessage> SendAsync(List<KeyValuePair<string, string>> headers, CancellationToken token)
        {
            try
            {
                // "w" as well as "c", so that a name that is taken is told apart from a right that is missing; the condition keeps it from being overwritten.
                return await _endpoint.SendSignedAsync(HttpMethod.Put, key, "cw", takenAt + lifetime, headers, body, token);
            }
            catch (Exception e) when (FailureOf(e) is { IsAmbiguous: true })
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
            return await DeleteAsync(key, token => _endpoint.SendSignedAsync(HttpMethod.Delete, key, "d", takenAt + lifetime, WithSnapshots, null, token), onDoubt, cancellationToken);
        }
        catch (StoreException e) when (IsExpiry(e, takenAt, lifetime))
        {
            throw new FenceExpiredException(Describe(key), lifetime);
        }
    }

    /// <summary>Puts, whoever sends.</summary>
    private async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, Func<List<KeyValuePair<string, string>>, CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        var headers = AzureEndpoint.HeadersForPut(body.Span);
        headers.Add(new("If-None-Match", "*"));
        var mayBeMine = false;
        if (await _endpoint.RunAsync("writing", Describe(key), Attempt, cancellationToken)) return PutOutcome.Created;
        // After an attempt whose answer was lost, the object that stands in the way may be this one.
        return mayBeMine && await HasSameContentAsync(key, body, cancellationToken) ? PutOutcome.Created : PutOutcome.AlreadyExists;

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                (await send(headers, token)).Dispose();
                return true;
            }
            catch (AzureRequestException e) when (e is { Status: 412 } or { Status: 409, Code: "BlobAlreadyExists" })
            {
                return false;
            }
            catch (Exception e) when (FailureOf(e) is { IsAmbiguous: true })
            {
                mayBeMine = true;
                throw;
            }
        }
    }

    private async ValueTask<bool> DeleteAsync(string key, Func<CancellationToken, Task<HttpResponseMessage>> send, Action onDoubt, CancellationToken cancellationToken)
    {
        StoreKey.Require(key);
        var mayBeMine = false;
        return await _endpoint.RunAsync("deleting", Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                (await send(token)).Dispose();
                return true;
            }
            catch (AzureRequestException e) when (IsAbsence(e))
            {
                // An attempt whose answer was lost may have done it.
                return mayBeMine;
            }
            catch (Exception e) when (FailureOf(e) is { IsAmbiguous: true })
            {
                mayBeMine = true;
                onDoubt();
                throw;
            }
        }
    }

    private async ValueTask<bool> HasSameContentAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        if (await StatAsync(key, cancellationToken) is not { } entry || entry.Length != body.Length) return false;
        return (await ReadAllAsync(key, body.Length, cancellationToken)).AsSpan().SequenceEqual(body.Span);
    }

    /// <summary>A refusal is the fence's end when by the server's clock the time was over; any other has another reason.</summary>
    private static bool IsExpiry(StoreException exception, DateTimeOffset takenAt, TimeSpan lifetime) =>
        exception.InnerException is AzureRequestException { Status: 401 or 403, ServerTime: { } time } && time - takenAt >= lifetime;

    private RequestFailure? FailureOf(Exception exception) => AzureFailure.Of(exception, _endpoint.Options);

    private bool IsAbsence(AzureRequestException exception) => FailureOf(exception) is { Kind: StoreFailure.NotFound };

    private long LengthOf(HttpResponseMessage answer, string key) =>
        answer.Content.Headers.ContentLength ?? throw new StoreException(StoreFailure.Other, "reading", Describe(key), "the answer has no length", "does a proxy change answers?");

    private StoreException EndsBefore(string key, long end) =>
        new(StoreFailure.Other, "reading", Describe(key), $"it ends before byte {end}", "the object is truncated: run \"nodeagent repo check\"");

    private string Describe(string key) => _endpoint.Describe(key);
}
