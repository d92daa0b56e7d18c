namespace NodeAgent.Stores.Requests;

/// <summary>
/// Lets only bodies of some size wait for the server's "100 Continue". The framework sends a small one also after a refusal, and
/// Ceph's gateway, which did not ask for it, takes it for the beginning of the connection's next request: that one then fails with 405.
/// </summary>
internal sealed class ExpectHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>Longer ones are not sent after a refusal, and the connection is closed instead.</summary>
    private const int SentAnyway = 1024;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content?.Headers.ContentLength is <= SentAnyway) request.Headers.ExpectContinue = false;
        return base.SendAsync(request, cancellationToken);
    }
}
