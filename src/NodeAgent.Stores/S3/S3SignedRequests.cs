using System.Net.Http.Headers;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>Requests that are signed in their URL and sent without the kit. No message and no exception holds the URL.</summary>
internal sealed class S3SignedRequests(HttpClient client, S3QuerySigner signer)
{
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
        await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var (code, message) = await ErrorDocument.ReadAsync(content, cancellationToken);
        return new S3RequestException((int)answer.StatusCode, code, message.Length > 0 ? message : answer.ReasonPhrase ?? "", DateOf(answer.Headers));
    }
}
