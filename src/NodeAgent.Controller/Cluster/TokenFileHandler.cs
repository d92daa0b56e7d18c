using System.Net.Http.Headers;

namespace NodeAgent.Controller.Cluster;

/// <summary>Sends the token that is in a file now: the kubelet replaces a pod's token about every hour.</summary>
internal sealed class TokenFileHandler(string path, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var token = await File.ReadAllTextAsync(path, cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
        return await base.SendAsync(request, cancellationToken);
    }
}
