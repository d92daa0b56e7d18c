using System.Net;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using NodeAgent.Stores.Aws;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots.Aws;

/// <summary>
/// The query interface of EC2: signed forms that are answered by XML. What may pass is tried again, with waits that grow; a clock that is
/// wrong is corrected by the server's. Safe for concurrent use.
/// </summary>
internal sealed class Ec2Client(Uri endpoint, string region, AwsSigner signer, TimeProvider time) : IDisposable
{
    private const string Version = "2016-11-15";
    private const int Attempts = 5;
    private const int MaxAnswer = 16 << 20;

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(0.3);
    private static readonly string[] Passing = ["RequestLimitExceeded", "Throttling", "ThrottlingException", "InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "ServerInternal"];
    private static readonly string[] WrongClock = ["RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "AuthFailure"];

    // No proxy of this machine's own is skipped; no redirect is followed, since it would not be signed for its target.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = TimeSpan.FromSeconds(60) };

    private TimeSpan _ahead;

    /// <summary>Carries out an action and answers its document.</summary>
    /// <exception cref="Ec2Exception">EC2 says no.</exception>
    /// <exception cref="SnapshotException">There is no answer.</exception>
    public async Task<XElement> CallAsync(string action, IReadOnlyList<KeyValuePair<string, string>> parameters, CancellationToken cancellation)
    {
        var body = Encoding.UTF8.GetBytes(string.Join('&', parameters.Prepend(new("Version", Version)).Prepend(new("Action", action)).Select(p => $"{Encode(p.Key)}={Encode(p.Value)}")));
        // A snapshot that was begun and not told of would be made twice; a volume has a token against that.
        var isRepeatable = action != "CreateSnapshot";
        var isClockCorrected = false;
        for (var attempt = 1; ; attempt++)
        {
            string problem;
            try
            {
                var (status, date, document) = await SendAsync(body, cancellation);
                if (status == HttpStatusCode.OK && document is not null) return document;
                var (code, message) = ErrorIn(document);
                problem = $"{action}: {(code.Length > 0 ? $"{code}: {message}" : $"{endpoint} answers {(int)status} without saying why; is it the address of EC2?")}";
                if (!isClockCorrected && WrongClock.Contains(code) && date is { } theirs && (theirs - time.GetUtcNow() - _ahead).Duration() > TimeSpan.FromMinutes(4))
                {
                    (isClockCorrected, _ahead) = (true, theirs - time.GetUtcNow());
                    continue;
                }

                var passes = Passing.Contains(code) || (code.Length == 0 && status >= HttpStatusCode.InternalServerError);
                // An error that EC2 itself gives says that nothing was done.
                if (!passes || attempt == Attempts || (code.Length == 0 && !isRepeatable)) throw new Ec2Exception(problem, code);
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                problem = $"{action}: {endpoint} {(e is OperationCanceledException ? "does not answer" : $"cannot be reached: {e.Message}")}";
                var wasSent = e is not HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError };
                if (attempt == Attempts || (wasSent && !isRepeatable)) throw new SnapshotException(problem.ReplaceLineEndings(" "), e);
            }
            catch (LocationException e)
            {
                throw new SnapshotException($"{action}: {e.Message}", e);
            }

            await Task.Delay(FirstWait * Math.Pow(2, attempt - 1) * (0.5 + (Random.Shared.NextDouble() / 2)), time, cancellation);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<(HttpStatusCode Status, DateTimeOffset? Date, XElement? Document)> SendAsync(byte[] body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        await signer.SignAsync(request, body, region, "ec2", time.GetUtcNow() + _ahead);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        await using var content = await answer.Content.ReadAsStreamAsync(cancellation);
        var buffer = new MemoryStream();
        var chunk = new byte[64 * 1024];
        int read;
        while ((read = await content.ReadAsync(chunk, cancellation)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > MaxAnswer) throw new SnapshotException($"{endpoint} answers with more than {MaxAnswer >> 20} MiB");
        }

        return (answer.StatusCode, answer.Headers.Date, Parse(buffer));
    }

    /// <summary>As forms are: a blank is a plus.</summary>
    private static string Encode(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);

    private static XElement? Parse(MemoryStream content)
    {
        content.Position = 0;
        try
        {
            using var reader = XmlReader.Create(content, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            return XElement.Load(reader);
        }
        catch (XmlException)
        {
            // The page of a proxy, or nothing: the status is what is known.
            return null;
        }
    }

    private static (string Code, string Message) ErrorIn(XElement? document)
    {
        var error = document?.Descendants().FirstOrDefault(e => e.Name.LocalName == "Error");
        string Text(string name) => error?.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value.ReplaceLineEndings(" ").Trim() ?? "";
        return (Text("Code"), Text("Message"));
    }
}
