using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>
/// A folder of a bucket as requests reach it: connection, credentials, retries and the server's clock. What keeps objects there,
/// a repository or a backup's own files, is a user of this.
/// </summary>
internal sealed class S3Endpoint : IDisposable
{
    private readonly TimeProvider _time;
    private readonly S3Connection _connection;
    private readonly RequestRetry _retry;
    private readonly Lazy<Session> _session;
    private long _clockOffsetTicks;

    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public S3Endpoint(S3StoreOptions options, TimeProvider time, Random random)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is [var first, ..]) throw new ArgumentException($"{options.Location}: {first}", nameof(options));
        (Options, _time) = (options, time);
        _connection = new S3Connection(options, time);
        Headers = new S3ObjectHeaders(options);
        _retry = new RequestRetry(options.Retry, exception => S3Failure.Of(exception, options), options.OnTrouble, time, random);
        Prefix = options.TrimmedPrefix.Length == 0 ? "" : options.TrimmedPrefix + "/";
        // A failure is not kept: the service that gives out credentials may be back at the next attempt.
        _session = new Lazy<Session>(Connect, LazyThreadSafetyMode.PublicationOnly);
    }

    public S3StoreOptions Options { get; }

    public S3ObjectHeaders Headers { get; }

    public string Location => Options.Location;

    /// <summary>What every key begins with; empty or with a slash at its end.</summary>
    public string Prefix { get; }

    /// <summary>The key that the server encrypts with, as the kit wants it.</summary>
    public (ServerSideEncryptionCustomerMethod Method, string? Key, string? Hash) CustomerKey =>
        (ServerSideEncryptionCustomerMethod.AES256, S3ObjectHeaders.CustomerKey(Options), S3ObjectHeaders.CustomerKeyMd5(Options));

    /// <summary>The kit's client. Getting it finds the credentials, so its absence is the failure of the request that wants it.</summary>
    public S3SdkClient Client => _session.Value.Client;

    /// <summary>The server's time as far as it is known; for what an hour more or less does not matter to.</summary>
    public DateTimeOffset AssumedTime => _time.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _clockOffsetTicks));

    /// <summary>An object's name with its place, for messages.</summary>
    public string Describe(string key) => key.Length == 0 ? Location : $"{key} in {Location}";

    /// <inheritdoc cref="RequestRetry.RunAsync"/>
    public ValueTask<T> RunAsync<T>(string operation, string where, Func<CancellationToken, ValueTask<T>> attempt, CancellationToken cancellationToken) =>
        _retry.RunAsync(operation, where, attempt, cancellationToken);

    /// <summary>The time by the server's clock.</summary>
    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => RunAsync("asking for the time of", Location, AskTimeAsync, cancellationToken);

    /// <summary>One page of the objects below a folder.</summary>
    /// <param name="folder">Relative to <see cref="Prefix"/>; empty or with a slash at its end.</param>
    /// <param name="delimiter">What ends the name of a folder, of whose objects only the folder is told; null for none.</param>
    /// <param name="from">As the page before says; null for the first.</param>
    /// <param name="most">Objects of a page; null for what the server gives.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public ValueTask<S3ListPage> ListPageAsync(string folder, string? delimiter, string? from, int? most, CancellationToken cancellationToken)
    {
        return RunAsync("listing", Describe(folder), Attempt, cancellationToken);

        // Encoded, because a name that others left may hold what XML cannot.
        async ValueTask<S3ListPage> Attempt(CancellationToken token) => S3ListPage.Of(
            await Client.ListObjectsV2Async(
                new ListObjectsV2Request { BucketName = Options.Bucket, Prefix = Prefix + folder, Delimiter = delimiter, ContinuationToken = from, MaxKeys = most, Encoding = EncodingType.Url }, token),
            from, Prefix, folder, Describe(folder));
    }

    /// <summary>Whether deleted objects stay as versions; null when it may not be asked or is not known here.</summary>
    public async Task<bool?> KeepsVersionsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync<bool?>("asking for the versioning of", Location, Attempt, cancellationToken);
        }
        catch (StoreException)
        {
            return null;
        }

        async ValueTask<bool?> Attempt(CancellationToken token) =>
            (await Client.GetBucketVersioningAsync(new GetBucketVersioningRequest { BucketName = Options.Bucket }, token)).VersioningConfig?.Status == VersionStatus.Enabled;
    }

    /// <summary>Sends a request whose signature is in its address.</summary>
    /// <returns>The time by the server's clock, when it tells.</returns>
    public async Task<DateTimeOffset?> SendSignedAsync(HttpMethod method, string key, IReadOnlyList<KeyValuePair<string, string>> headers, ReadOnlyMemory<byte>? body, DateTimeOffset signedAt, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var session = _session.Value;
        var request = new SignedRequest(method, session.AddressOf(Options.Bucket, Prefix + key), headers, body);
        return await session.Requests.SendAsync(request, signedAt, lifetime, await KeysAsync(session), cancellationToken);
    }

    /// <summary>An address that whoever has it can read the object by, until its time is over.</summary>
    /// <param name="key">Of the object.</param>
    /// <param name="lifetime">Whole seconds.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Uri> SignDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        // By the server's clock: a controller whose own is ahead or behind would give out addresses that are not valid.
        var now = await GetTimeAsync(cancellationToken);
        return await RunAsync("signing an address of", Describe(key), SignAsync, cancellationToken);

        async ValueTask<Uri> SignAsync(CancellationToken token)
        {
            var session = _session.Value;
            using var elsewhere = Options.PublicEndpoint.Length == 0 ? null : new S3SdkClient(session.Credentials, S3SdkClient.Configure(Options with { Endpoint = Options.PublicEndpoint }, session.Region, _connection));
            var address = (elsewhere is null ? session : session with { Client = elsewhere }).AddressOf(Options.Bucket, Prefix + key);
            return new S3QuerySigner(session.Region).Sign(HttpMethod.Get, address, [], now, lifetime, await KeysAsync(session));
        }
    }

    public void Dispose()
    {
        if (_session.IsValueCreated) _session.Value.Client.Dispose();
        _connection.Dispose();
    }

    private static async Task<S3Credentials> KeysAsync(Session session)
    {
        var keys = await session.Credentials.GetCredentialsAsync();
        return new S3Credentials(keys.AccessKey, keys.SecretKey, keys.UseToken ? keys.Token : null);
    }

    /// <summary>Any answer below 500 comes from the server and has its time, also a refusal: a wrong clock here is one reason to ask.</summary>
    private async ValueTask<DateTimeOffset> AskTimeAsync(CancellationToken token)
    {
        // Any name will do; a repository has this one.
        const string AnyKey = "config";
        DateTimeOffset? date;
        try
        {
            date = await SendSignedAsync(HttpMethod.Head, AnyKey, Headers.ForReading, null, AssumedTime, TimeSpan.FromMinutes(15), token);
        }
        catch (S3RequestException e) when (e.Status < 500)
        {
            date = e.ServerTime;
        }

        var time = date ?? throw new StoreException(StoreFailure.Other, "asking for the time of", Location, "the answer has no Date", "is it an S3 server, and does a proxy remove headers?");
        Interlocked.Exchange(ref _clockOffsetTicks, (time - _time.GetUtcNow()).Ticks);
        return time;
    }

    private Session Connect()
    {
        var (credentials, profileRegion) = S3CredentialSource.Find(Options);
        var region = Options.Region.Length > 0 ? Options.Region : profileRegion ?? "us-east-1";
        var client = new S3SdkClient(credentials, S3SdkClient.Configure(Options, region, _connection));
        return new Session(client, credentials, new S3SignedRequests(_connection.Client, new S3QuerySigner(region)), region);
    }

    /// <summary>What needs credentials; made at the first request.</summary>
    private sealed record Session(S3SdkClient Client, AWSCredentials Credentials, S3SignedRequests Requests, string Region)
    {
        /// <summary>Where the kit would send the request to: virtual host or path, by region and options.</summary>
        public Uri AddressOf(string bucket, string key)
        {
            var endpoint = Client.DetermineServiceOperationEndpoint(new GetObjectMetadataRequest { BucketName = bucket, Key = key });
            return new Uri($"{endpoint.URL.TrimEnd('/')}/{string.Join('/', key.Split('/').Select(Uri.EscapeDataString))}");
        }
    }
}
