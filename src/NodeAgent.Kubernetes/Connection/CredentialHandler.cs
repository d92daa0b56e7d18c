using System.Net;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>Puts credentials on each request; when they are refused and can be renewed, sends the request once more.</summary>
internal sealed class CredentialHandler(ClusterConfig config, HttpMessageHandler inner, TimeProvider time) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // The name that is sent and verified in TLS follows the Host header.
        if (config.ServerName is not null) request.Headers.Host = config.ServerName;
        foreach (var (name, value) in config.Headers) request.Headers.TryAddWithoutValidation(name, value);
        if (config.Credential is not { } credential) return await base.SendAsync(request, cancellationToken);

        var shown = await credential.GetAsync(time, cancellationToken);
        request.Headers.Authorization = shown;
        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized || !credential.Renew(shown)) return response;
        response.Dispose();
        request.Headers.Authorization = await credential.GetAsync(time, cancellationToken);
        return await base.SendAsync(request, cancellationToken);
    }
}
