using System.Globalization;
using System.Security.Cryptography;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>
/// A folder of a container as requests reach it: connection, signatures, retries and the server's clock. What keeps objects there,
/// a repository or a backup's own files, is a user of this.
/// </summary>
internal sealed class AzureEndpoint : IDisposable
{
    /// <summary>The service refuses what was signed more than 15 minutes before or after its own time.</summary>
    private static readonly TimeSpan TolerableSkew = TimeSpan.FromMinutes(5);

    private readonly HttpClient _client;
    private readonly TimeProvider _time;
    private readonly RequestRetry _retry;
    private readonly IAzureSigner _signer;
    private readonly string _container;
    private long _clockOffsetTicks;

    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public AzureEndpoint(AzureStoreOptions options, TimeProvider time, Random random)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is [var first, ..]) throw new ArgumentException($"{options.Location}: {first}", nameof(options));
        (Options, _time) = (options, time);
        _client = HttpConnection.Create(options.Retry, options.ReadCertificates(), skipVerification: false, time, refusesLinkLocal: true);
        _retry = new RequestRetry(options.Retry, exception => AzureFailure.Of(exception, options), null, time, random);
        _signer = options.Principal is { } principal
            ? new AzureTokens(options, principal, _client, () => AssumedTime)
            : new AzureSharedKey(options.Account, options.Container, options.AccountKey);
        _container = $"{options.Endpoint.TrimEnd('/')}/{options.Container}";
        Prefix = options.TrimmedPrefix.Length == 0 ? "" : options.TrimmedPrefix + "/";
    }

    public AzureStoreOptions Options { get; }

    public string Location => Options.Location;

    /// <summary>What every name begins with; empty or with a slash at its end.</summary>
    public string Prefix { get; }

    /// <summary>The server's time as far as it is known.</summary>
    private DateTimeOffset AssumedTime => _time.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _clockOffsetTicks));

    /// <summary>An object's name with its place, for messages.</summary>
    public string Describe(string key) => key.Length == 0 ? Location : $"{key} in {Location}";

    /// <inheritdoc cref="RequestRetry.RunAsync"/>
    public ValueTask<T> RunAsync<T>(string operation, string where, Func<CancellationToken, ValueTask<T>> attempt, CancellationToken cancellationToken) =>
        _retry.RunAsync(operation, where, attempt, cancellationToken);

    /// <summary>The time by the server's clock. Any answer below 500 has it, also a refusal.</summary>
    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken)
    {
        return RunAsync("asking for the time of", Location, Attempt, cancellationToken);

        async ValueTask<DateTimeOffset> Attempt(CancellationToken token)
        {
            DateTimeOffset? date;
            try
            {
                using var answer = await SendAsync(HttpMethod.Head, null, "?restype=container", [], null, token);
                date = answer.Headers.Date;
            }
            catch (AzureRequestException e) when (e.Status < 500)
            {
                date = e.ServerTime;
            }

            var time = date ?? throw new StoreException(StoreFailure.Other, "asking for the time of", Location, "the answer has no Date", "is it a blob service, and does a proxy remove headers?");
            Interlocked.Exchange(ref _clockOffsetTicks, (time - _time.GetUtcNow()).Ticks);
            return time;
        }
    }

    /// <summary>One page of the objects below a folder.</summary>
    /// <param name="folder">Relative to <see cref="Prefix"/>; empty or with a slash at its end.</param>
    /// <param name="delimiter">What ends the name of a folder, of whose objects only the folder is told; null for none.</param>
    /// <param name="from">As the page before says; null for the first.</param>
    /// <param name="most">Objects of a page; null for what the server gives.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public ValueTask<AzureListPage> ListPageAsync(string folder, string? delimiter, string? from, int? most, CancellationToken cancellationToken)
    {
        var query = $"?restype=container&comp=list&prefix={Uri.EscapeDataString(Prefix + folder)}"
            + (delimiter is null ? "" : $"&delimiter={Uri.EscapeDataString(delimiter)}")
            + (from is null ? "" : $"&marker={Uri.EscapeDataString(from)}")
            + (most is null ? "" : string.Create(CultureInfo.InvariantCulture, $"&maxresults={most}"));
        return RunAsync("listing", Describe(folder), Attempt, cancellationToken);

        async ValueTask<AzureListPage> Attempt(CancellationToken token)
        {
            using var answer = await SendAsync(HttpMethod.Get, null, query, [], null, token);
            using var document = new MemoryStream();
            await answer.Content.CopyToAsync(document, token);
            document.Position = 0;
            return AzureListPage.Read(document, Prefix);
        }
    }

    /// <summary>Sends a request that is signed by its headers. The caller disposes the answer.</summary>
    /// <param name="method">What to do.</param>
    /// <param name="key">The object; null for the container.</param>
    /// <param name="query">Encoded, with its question mark; empty for none.</param>
    /// <param name="headers">Further ones. Those of the service in lower case.</param>
    /// <param name="body">Null for none.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="AzureRequestException">The answer is an error.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string? key, string query, IReadOnlyList<KeyValuePair<string, string>> headers, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        var assumed = AssumedTime;
        var all = new Dictionary<string, string>(headers) { ["x-ms-date"] = assumed.ToString("R", CultureInfo.InvariantCulture), ["x-ms-version"] = AzureSharedKey.Version };
        if (body is { Length: > 0 } content) all["Content-Length"] = content.Length.ToString(CultureInfo.InvariantCulture);
        var address = new Uri(AddressOf(key) + query);
        using var message = MessageOf(method, address, all, body);
        message.Headers.TryAddWithoutValidation("Authorization", await _signer.AuthorizeAsync(method, address, all, cancellationToken));
        try
        {
            return await SendAsync(_client, message, cancellationToken);
        }
        catch (AzureRequestException e) when (e is { Status: 403, ServerTime: { } time } && (time - assumed).Duration() > TolerableSkew)
        {
            Interlocked.Exchange(ref _clockOffsetTicks, (time - _time.GetUtcNow()).Ticks);
            throw new AzureRequestException(e.Status, e.Code, e.ServerMessage, e.ServerTime) { IsClockMended = true };
        }
    }

    /// <summary>Sends a request whose right is in its address and runs out. The caller disposes the answer.</summary>
    /// <exception cref="AzureRequestException">The answer is an error.</exception>
    public async Task<HttpResponseMessage> SendSignedAsync(
        HttpMethod method, string key, string permissions, DateTimeOffset expires, IReadOnlyList<KeyValuePair<string, string>> headers, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        var address = new Uri(AddressOf(key) + await _signer.QueryForAsync(Prefix + key, permissions, expires, cancellationToken));
        using var message = MessageOf(method, address, new Dictionary<string, string>(headers) { ["x-ms-version"] = AzureSharedKey.Version }, body);
        return await SendAsync(_client, message, cancellationToken);
    }

    /// <summary>An address that whoever has it can read the object by, until its time is over.</summary>
    public async Task<Uri> SignDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        // By the server's clock: a controller whose own is ahead or behind would give out addresses that are not valid.
        var now = await GetTimeAsync(cancellationToken);
        return await RunAsync("signing an address of", Describe(key), async token => new Uri(AddressOf(key) + await _signer.QueryForAsync(Prefix + key, "r", now + lifetime, token)), cancellationToken);
    }

    /// <summary>The headers of a blob that is put whole.</summary>
    public static List<KeyValuePair<string, string>> HeadersForPut(ReadOnlySpan<byte> body) => [new("x-ms-blob-type", "BlockBlob"), new("Content-MD5", Md5(body))];

    /// <summary>What the server compares with what it received.</summary>
    public static string Md5(ReadOnlySpan<byte> body)
    {
        // No security hangs on it: the service wants this hash.
#pragma warning disable CA5351
        return Convert.ToBase64String(MD5.HashData(body));
#pragma warning restore CA5351
    }

    /// <summary>The header that asks for a part.</summary>
    public static KeyValuePair<string, string> Range(long offset, long count) => new("x-ms-range", string.Create(CultureInfo.InvariantCulture, $"bytes={offset}-{offset + count - 1}"));

    public void Dispose()
    {
        (_signer as IDisposable)?.Dispose();
        _client.Dispose();
    }

    /// <summary>Sends what is ready to be sent. The caller disposes the answer.</summary>
    /// <exception cref="AzureRequestException">The answer is an error.</exception>
    internal static async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpRequestMessage message, CancellationToken cancellationToken)
    {
        var answer = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.IsSuccessStatusCode) return answer;
        using (answer)
        {
            await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
            var (code, text) = await ErrorDocument.ReadAsync(content, cancellationToken);
            // The answer to HEAD has no body, but this.
            if (answer.Headers.TryGetValues("x-ms-error-code", out var codes)) code = codes.First();
            throw new AzureRequestException((int)answer.StatusCode, code, text.Length > 0 ? text : answer.ReasonPhrase ?? "", answer.Headers.Date);
        }
    }

    private static HttpRequestMessage MessageOf(HttpMethod method, Uri address, Dictionary<string, string> headers, ReadOnlyMemory<byte>? body)
    {
        var message = new HttpRequestMessage(method, address);
        if (body is { } content)
        {
            message.Content = new ReadOnlyMemoryContent(content);
            message.Headers.ExpectContinue = true;
        }

        foreach (var (name, value) in headers)
        {
            // The length is the framework's to send.
            if (name == "Content-MD5") message.Content!.Headers.ContentMD5 = Convert.FromBase64String(value);
            else if (name != "Content-Length") message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    private string AddressOf(string? key) => key is null ? _container : $"{_container}/{string.Join('/', (Prefix + key).Split('/').Select(Uri.EscapeDataString))}";
}
