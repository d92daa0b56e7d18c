using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Stores.Tests.S3;

/// <summary>
/// A server on loopback that speaks as much of S3 as the store does, and answers wrongly on request. Signatures are not checked,
/// but for when they were made and for how long they count.
/// </summary>
internal sealed class FakeS3 : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, byte[]> _objects = new();
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<string> _signers = new();
    private readonly ConcurrentQueue<string> _expectedContinue = new();
    private readonly ConcurrentQueue<string> _putsWithMd5 = new();
    private readonly ConcurrentQueue<FakeFault> _faults = new();

    public FakeS3()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Method and path of each request, in order; without the query.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>Access key and scope of each signed request.</summary>
    public IReadOnlyList<string> Signers => [.. _signers];

    /// <summary>Paths of the requests that asked whether to send their body.</summary>
    public IReadOnlyList<string> ExpectedContinue => [.. _expectedContinue];

    public ConcurrentDictionary<string, byte[]> Objects => _objects;

    /// <summary>Paths of the puts whose body came with its MD5.</summary>
    public IReadOnlyList<string> PutsWithMd5 => [.. _putsWithMd5];

    /// <summary>Whether a body that is not what its signed hash says is refused.</summary>
    public bool ChecksBodyHash { get; set; } = true;

    /// <summary>Whether it refuses bodies without their MD5, as a bucket that locks objects.</summary>
    public bool DemandsMd5 { get; set; }

    /// <summary>What its clock shows beyond this machine's.</summary>
    public TimeSpan ClockOffset { get; set; }

    public bool IgnoresConditions { get; set; }

    public bool RefusesConditions { get; set; }

    /// <summary>304 as some servers, or 412.</summary>
    public int ConditionStatus { get; set; } = 412;

    public bool IgnoresRanges { get; set; }

    public bool ChecksExpiry { get; set; } = true;

    /// <summary>Said of every PUT and DELETE instead of doing it.</summary>
    public (int Status, string Code, string Message)? RefusesWrites { get; set; }

    public bool BucketExists { get; set; } = true;

    /// <summary>Keys in a page of a listing.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>What each request meets, by its method and path, when nothing else was told.</summary>
    public Func<string, FakeFault> FaultOf { get; set; } = static _ => FakeFault.None;

    /// <summary>What is made of each listing before it is sent.</summary>
    public Func<string, string> EditListing { get; set; } = static text => text;

    private DateTimeOffset Now => DateTimeOffset.UtcNow + ClockOffset;

    /// <summary>Each of the next requests meets one of these; null lets it pass.</summary>
    public void Next(params FakeFault[] faults)
    {
        foreach (var fault in faults) _faults.Enqueue(fault);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var stop = _stop.Token;
        try
        {
            while (true)
            {
                var connection = await _listener.AcceptTcpClientAsync(stop);
                _ = ServeAsync(connection, stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient connection, CancellationToken stop)
    {
        using (connection)
        {
            try
            {
                var stream = connection.GetStream();
                while (await FakeRequest.ReadAsync(stream, stop) is { } request)
                {
                    _requests.Enqueue($"{request.Method} {request.Path}");
                    if (request.Headers.TryGetValue("Authorization", out var authorization)) _signers.Enqueue(authorization.Split("Credential=")[1].Split(',')[0]);
                    if (request.Headers.ContainsKey("Expect")) _expectedContinue.Enqueue(request.Path);
                    if (!_faults.TryDequeue(out var fault)) fault = FaultOf($"{request.Method} {request.Path}");
                    if (fault.Kind == FakeFaultKind.ResetBefore) break;
                    var answer = fault.Kind == FakeFaultKind.Status ? Error(fault.Status, fault.Code, fault.Message) : Answer(request);
                    if (fault.Kind == FakeFaultKind.ResetAfter) break;
                    if (fault.Kind == FakeFaultKind.Silence) await Task.Delay(Timeout.Infinite, stop);
                    await SendAsync(stream, request, answer, fault.Kind == FakeFaultKind.HalfAnswer, stop);
                    if (fault.Kind == FakeFaultKind.HalfAnswer) break;
                }

                // A reset and not an orderly end, as of a server that dies.
                connection.LingerState = new LingerOption(true, 0);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
            }
        }
    }

    private FakeAnswer Answer(FakeRequest request)
    {
        if (request.Query.TryGetValue("X-Amz-Date", out var date))
        {
            var signedAt = DateTimeOffset.ParseExact(date, "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
            if (ChecksExpiry && Now > signedAt + TimeSpan.FromSeconds(int.Parse(request.Query["X-Amz-Expires"], CultureInfo.InvariantCulture))) return Error(403, "AccessDenied", "Request has expired");
        }
        else if (request.Headers.TryGetValue("X-Amz-Date", out var header))
        {
            var signedAt = DateTimeOffset.ParseExact(header, "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
            if ((Now - signedAt).Duration() > TimeSpan.FromMinutes(15)) return Error(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.");
        }

        if (!BucketExists) return Error(404, "NoSuchBucket", "The specified bucket does not exist");
        var parts = request.Path.TrimStart('/').Split('/', 2);
        var key = parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "";
        if (key.Length == 0 && request.Query.ContainsKey("versioning")) return new FakeAnswer(200, "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>"u8.ToArray());
        if (key.Length == 0) return List(request);
        if (request.Method is "PUT" or "DELETE" && RefusesWrites is { } refusal) return Error(refusal.Status, refusal.Code, refusal.Message);
        return request.Method switch
        {
            "PUT" => Put(request, key),
            "DELETE" => Delete(key),
            _ => Get(request, key),
        };
    }

    private FakeAnswer Put(FakeRequest request, string key)
    {
        var conditional = request.Headers.ContainsKey("If-None-Match");
        if (request.Headers.ContainsKey("Content-MD5")) _putsWithMd5.Enqueue(request.Path);
        else if (DemandsMd5) return Error(400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters");
        if (ChecksBodyHash && request.Headers.TryGetValue("X-Amz-Content-SHA256", out var hash) && hash.Length == 64 && hash != Convert.ToHexStringLower(SHA256.HashData(request.Body)))
            return Error(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
        if (conditional && RefusesConditions) return Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented");
        if (conditional && !IgnoresConditions) return _objects.TryAdd(key, request.Body) ? new FakeAnswer(200, []) : Error(ConditionStatus, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        _objects[key] = request.Body;
        return new FakeAnswer(200, []);
    }

    private FakeAnswer Delete(string key)
    {
        _objects.TryRemove(key, out _);
        return new FakeAnswer(204, []);
    }

    private FakeAnswer Get(FakeRequest request, string key)
    {
        if (!_objects.TryGetValue(key, out var body)) return Error(404, "NoSuchKey", "The specified key does not exist.");
        if (IgnoresRanges || !request.Headers.TryGetValue("Range", out var range)) return new FakeAnswer(200, body);
        var bounds = range["bytes=".Length..].Split('-');
        var from = int.Parse(bounds[0], CultureInfo.InvariantCulture);
        var to = Math.Min(int.Parse(bounds[1], CultureInfo.InvariantCulture), body.Length - 1);
        return from >= body.Length ? Error(416, "InvalidRange", "The requested range is not satisfiable") : new FakeAnswer(206, body[from..(to + 1)]) { Headers = $"Content-Range: bytes {from}-{to}/{body.Length}\r\n" };
    }

    private FakeAnswer List(FakeRequest request)
    {
        var prefix = request.Query.GetValueOrDefault("prefix", "");
        var after = request.Query.GetValueOrDefault("continuation-token", "");
        var keys = _objects.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(k, after) > 0).Order(StringComparer.Ordinal).ToList();
        var page = keys.Take(PageSize).ToList();
        var text = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        text.Append(CultureInfo.InvariantCulture, $"<IsTruncated>{(keys.Count > page.Count ? "true" : "false")}</IsTruncated>");
        if (keys.Count > page.Count) text.Append(CultureInfo.InvariantCulture, $"<NextContinuationToken>{page[^1]}</NextContinuationToken>");
        foreach (var key in page) text.Append(CultureInfo.InvariantCulture, $"<Contents><Key>{WebUtility.HtmlEncode(key)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>{_objects[key].Length}</Size></Contents>");
        return new FakeAnswer(200, Encoding.UTF8.GetBytes(EditListing(text.Append("</ListBucketResult>").ToString())));
    }

    private static FakeAnswer Error(int status, string code, string message) => status == 304
        ? new FakeAnswer(304, [])
        : new FakeAnswer(status, code.Length == 0 ? [] : Encoding.UTF8.GetBytes($"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>"));

    private async Task SendAsync(NetworkStream stream, FakeRequest request, FakeAnswer answer, bool half, CancellationToken stop)
    {
        var head = $"HTTP/1.1 {answer.Status} Said\r\nDate: {Now.UtcDateTime:R}\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\nETag: \"1\"\r\nContent-Length: {answer.Body.Length}\r\n{answer.Headers}\r\n";
        var body = request.Method == "HEAD" || answer.Status is 204 or 304 ? [] : answer.Body;
        if (answer.Status is 204 or 304) head = head.Replace($"Content-Length: {answer.Body.Length}\r\n", "", StringComparison.Ordinal);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), stop);
        await stream.WriteAsync(half ? body.AsMemory(0, body.Length / 2) : body, stop);
        await stream.FlushAsync(stop);
    }

    private sealed record FakeAnswer(int Status, byte[] Body)
    {
        public string Headers { get; init; } = "";
    }
}
