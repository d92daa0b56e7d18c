using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Api;

/// <summary>
/// Sends requests, and again when the server was busy or the connection broke and repeating does no harm. Answers with an error
/// become <see cref="ApiException"/>; no answer, or one that breaks off, becomes <see cref="HttpRequestException"/>.
/// </summary>
internal sealed class RequestSender : IDisposable
{
    // A Status is a few hundred bytes; a proxy's error page may be anything.
    private const int LongestErrorBody = 1 << 20;

    private static readonly string UserAgent = "nodeagent/" +
        (typeof(RequestSender).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0");

    private readonly ApiClientOptions _options;
    private readonly HttpMessageInvoker _invoker;
    private readonly HttpClient _http;
    private readonly Lock _random = new();
    private readonly ServerStart _start;

    public RequestSender(ClusterConfig config, ApiClientOptions options)
    {
        _options = options;
        _start = new ServerStart(options.Time);
        var handler = config.CreateHandler(options.Time);
        // The invoker shares the handler, for WebSockets; the client owns it.
        _invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, BaseAddress = config.Server };
    }

    public HttpMessageInvoker Invoker => _invoker;

    public Uri Server => _http.BaseAddress!;

    public static void AddUserAgent(HttpRequestHeaders headers) => headers.TryAddWithoutValidation("User-Agent", UserAgent);

    /// <summary>The whole body of the answer.</summary>
    public Task<byte[]> SendAsync(ApiRequest request, CancellationToken cancellation) => RetryAsync(
        request,
        static async (sender, request, limit) =>
        {
            using var response = await sender.StartAsync(request, limit);
            return await response.Content.ReadAsByteArrayAsync(limit);
        },
        cancellation);

    /// <summary>What is read out of the answer's body while it comes. When it breaks off, the request is sent again and read from its beginning.</summary>
    public Task<T> SendAsync<T>(ApiRequest request, Func<Stream, CancellationToken, Task<T>> read, CancellationToken cancellation) => RetryAsync(
        request,
        async (sender, request, limit) =>
        {
            using var response = await sender.StartAsync(request, limit);
            await using var body = await response.Content.ReadAsStreamAsync(limit);
            return await read(body, limit);
        },
        cancellation);

    /// <summary>The answer as soon as its headers are there; its body may go on for ever. The caller disposes it.</summary>
    public Task<HttpResponseMessage> OpenAsync(ApiRequest request, CancellationToken cancellation) =>
        RetryAsync(request, static (sender, request, limit) => sender.StartAsync(request, limit), cancellation);

    /// <summary>
    /// Whether the server has just been started and does not know the cluster's roles or definitions yet, as far as it says itself. One that does not say counts as ready.
    /// </summary>
    /// <param name="isAboutDefinitions">It is asked because nothing is known at a path.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<bool> IsStartingAsync(bool isAboutDefinitions, CancellationToken cancellation)
    {
        try
        {
            return await LimitAsync(
                ApiRequest.Get("readyz", ""),
                async (sender, request, limit) =>
                {
                    using var message = new HttpRequestMessage(request.Method, new Uri(request.Target, UriKind.Relative));
                    AddUserAgent(message.Headers);
                    using var response = await sender._http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit);
                    return sender._start.IsUnderWay(response.StatusCode, await ReadErrorBodyAsync(response, limit), isAboutDefinitions);
                },
                cancellation);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>The server could not be reached.</summary>
    public void NoteOutage() => _start.NoteOutage();

    /// <summary>Waits before a further try. False, at once, when the server asks for more patience than the caller has.</summary>
    public async Task<bool> TryDelayAsync(int retry, TimeSpan? asked, CancellationToken cancellation)
    {
        if (Delay(retry, asked) is not { } delay) return false;
        await Task.Delay(delay, _options.Time, cancellation);
        return true;
    }

    public void Dispose()
    {
        _http.Dispose();
        _invoker.Dispose();
    }

    private static HttpRequestException NoAnswer(ApiRequest request, Exception cause) => new(
        (cause as HttpRequestException)?.HttpRequestError ?? HttpRequestError.Unknown,
        $"{request}: {OneLine.Of(cause.InnerException is { } inner && !cause.Message.Contains(inner.Message, StringComparison.Ordinal) ? $"{cause.Message}: {inner.Message}" : cause.Message)}",
        cause);

    private static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > time.GetUtcNow() ? date - time.GetUtcNow() : TimeSpan.Zero,
        _ => null,
    };

    private static async Task<byte[]> ReadErrorBodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while (body.Length < LongestErrorBody && (read = await stream.ReadAsync(buffer, cancellation)) > 0) body.Write(buffer, 0, read);
        return body.ToArray();
    }

    private async Task<T> RetryAsync<T>(ApiRequest request, Func<RequestSender, ApiRequest, CancellationToken, Task<T>> attempt, CancellationToken cancellation)
    {
        var isRefusedByReadyServer = false;
        for (var retry = 0; ; retry++)
        {
            TimeSpan delay;
            try
            {
                return await LimitAsync(request, attempt, cancellation);
            }
            catch (ApiException e) when ((e.IsForbidden || e.IsUnknownPath) && !isRefusedByReadyServer)
            {
                // A server that has just been started refuses everybody, until it knows the cluster's roles, and has no custom resources until it knows their
                // definitions: whoever took that for an answer would believe that all its objects were deleted. Once it says that it is ready, it may have
                // become so since it refused: what it says then counts.
                isRefusedByReadyServer = !await IsStartingAsync(e.IsUnknownPath, cancellation);
                if (isRefusedByReadyServer)
                {
                    retry--; // this one is no retry
                    continue;
                }

                delay = retry < _options.MaxRetries ? Delay(retry, null).GetValueOrDefault() : throw e.WhileStarting();
            }
            catch (ApiException e) when (retry < _options.MaxRetries && IsWorthRepeating(request, e) && Delay(retry, e.RetryAfter) is { } wait)
            {
                // Whoever answers next may be another process, which starts.
                isRefusedByReadyServer = false;
                delay = wait;
            }
            catch (HttpRequestException e) when (retry < _options.MaxRetries && IsWorthRepeating(request, e) && Delay(retry, null) is { } wait)
            {
                isRefusedByReadyServer = false;
                delay = wait;
            }

            await Task.Delay(delay, _options.Time, cancellation);
        }
    }

    private async Task<T> LimitAsync<T>(ApiRequest request, Func<RequestSender, ApiRequest, CancellationToken, Task<T>> attempt, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(_options.RequestTimeout, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            return await attempt(this, request, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            _start.NoteOutage();
            // Also reached when the handler gave up connecting, which it reports as a cancellation of its own.
            var waited = limit.IsCancellationRequested ? $"no answer within {_options.RequestTimeout.TotalSeconds:0.###} s" : "no connection in time";
            throw new HttpRequestException(HttpRequestError.Unknown, $"{request}: {waited} from {Server.Authority}", new TimeoutException(e.Message, e));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            _start.NoteOutage();
            throw NoAnswer(request, e);
        }
    }

    private async Task<HttpResponseMessage> StartAsync(ApiRequest request, CancellationToken cancellation)
    {
        using var message = new HttpRequestMessage(request.Method, new Uri(request.Target, UriKind.Relative));
        AddUserAgent(message.Headers);
        message.Headers.TryAddWithoutValidation("Accept", request.Accept);
        if (request.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(request.MediaType);
        }

        var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (response.IsSuccessStatusCode) return response;
        using (response)
        {
            throw StatusReader.Read(request, response.StatusCode, await ReadErrorBodyAsync(response, cancellation), RetryAfter(response, _options.Time));
        }
    }

    /// <summary>
    /// A request that was turned away at the door (429, or 503 with a time to come back) was not begun, so any can be sent again. So it is with
    /// ServerTimeout and a time to come back, as for a pod that comes before its new namespace's service account has a token.
    /// </summary>
    private static bool IsWorthRepeating(ApiRequest request, ApiException e) => e.StatusCode switch
    {
        HttpStatusCode.TooManyRequests => true,
        HttpStatusCode.ServiceUnavailable => e.RetryAfter is not null || request.IsRepeatable,
        HttpStatusCode.InternalServerError => e is { Reason: "ServerTimeout", RetryAfter: not null },
        HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => request.IsRepeatable,
        _ => false,
    };

    private static bool IsWorthRepeating(ApiRequest request, HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.SecureConnectionError or HttpRequestError.UserAuthenticationError or HttpRequestError.InvalidResponse => false,
        // Nothing was sent yet.
        HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError => true,
        _ => request.IsRepeatable,
    };

    /// <summary>Null when the server asks for more patience than the caller has.</summary>
    private TimeSpan? Delay(int retry, TimeSpan? asked)
    {
        if (asked > _options.MaxRetryDelay) return null;
        double jitter;
        lock (_random) jitter = _options.Random.NextDouble();
        var own = _options.RetryDelay * Math.Pow(2, Math.Min(retry, 20)) * (0.5 + (jitter / 2));
        var delay = own > asked.GetValueOrDefault() ? own : asked.GetValueOrDefault();
        return delay < _options.MaxRetryDelay ? delay : _options.MaxRetryDelay;
    }
}
