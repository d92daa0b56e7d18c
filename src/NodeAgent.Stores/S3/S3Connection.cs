using Amazon.Runtime;
using NodeAgent.Stores.Requests;
using HttpClientFactory = Amazon.Runtime.HttpClientFactory;

namespace NodeAgent.Stores.S3;

/// <summary>The one pooled HTTP client of a store; the kit's requests and those that are signed here go through it.</summary>
internal sealed class S3Connection : HttpClientFactory, IDisposable
{
    public S3Connection(S3StoreOptions options, TimeProvider time) =>
        Client = HttpConnection.Create(options.Retry, options.CaCertificates.Length == 0 ? null : options.ReadCertificates(), options.SkipTlsVerification, time, options.OfLocation);

    public HttpClient Client { get; }

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => Client;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public override string? GetConfigUniqueString(IClientConfig clientConfig) => null;

    public void Dispose() => Client.Dispose();
}
