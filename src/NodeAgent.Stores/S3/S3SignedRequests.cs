using System.Net.Http.Headers;
using System.Xml;

namespace NodeAgent.Stores.S3;

/// <summary>Requests that are signed in their URL and sent without the kit. No message and no exception holds the URL.</summary>
internal sealed class S3SignedRequests(HttpClient client, S3QuerySigner signer)
{
    /// <summary>An error's document has some hundred bytes; what is longer is none.</summary>
    private const int MaxErrorLength = 64 * 1024;

    /// <summary>Sends one request.</summary>
    /// <returns>The time by the server's clock, when it tells.</returns>
    /// <exception cref="S3RequestException">The answer is an error.</exception>
    public async Task<DateTimeOffset?> SendAsync(SignedRequest request, DateTimeOffset signedAt, TimeSpan lifetime, S3Credentials credentials, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, signer.Sign(request.Method, request.Address, request.Headers, signedAt, lifetime, credentials));
        if (request.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Headers.ExpectContinue = true;
        }

        foreach (var (name, value) in request.Headers)
        {
            if (name.Equals("Content-MD5", StringComparison.OrdinalIgnoreCase)) message.Content!.Headers.ContentMD5 = Convert.FromBase64String(value);
            else message.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!answer.IsSuccessStatusCode) throw await ReadErrorAsync(answer, cancellationToken);
        // Read to the end, so that the connection can be used again.
        await answer.Content.CopyToAsync(Stream.Null, cancellationToken);
        return DateOf(answer.Headers);
    }

    private static DateTimeOffset? DateOf(HttpResponseHeaders headers) => headers.Date;

    private static async Task<S3RequestException> ReadErrorAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var (code, message) = ("", answer.ReasonPhrase ?? "");
        await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxErrorLength];
        var length = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(buffer, 0, length), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            for (var more = reader.Read(); more;)
            {
                if (reader is { NodeType: XmlNodeType.Element, LocalName: "Code" }) code = reader.ReadElementContentAsString();
                else if (reader is { NodeType: XmlNodeType.Element, LocalName: "Message" }) message = reader.ReadElementContentAsString();
                else more = reader.Read();
            }
        }
        catch (XmlException)
        {
            // No document, or that of a proxy: the status is what is known.
        }

        return new S3RequestException((int)answer.StatusCode, code, message, DateOf(answer.Headers));
    }
}
