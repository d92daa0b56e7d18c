using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Amazon.Runtime;
using HttpClientFactory = Amazon.Runtime.HttpClientFactory;

namespace NodeAgent.Stores.S3;

/// <summary>The one pooled HTTP client of a store; the kit's requests and those that are signed here go through it.</summary>
internal sealed class S3Connection : HttpClientFactory, IDisposable
{
    public S3Connection(S3StoreOptions options, TimeProvider time)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            // DNS is asked again, so that an endpoint with many addresses, or one that moves, is followed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            // Below the idle limit: a connection that waits for work is no idle one.
            PooledConnectionIdleTimeout = options.Retry.IdleTimeout / 2,
            ConnectTimeout = TimeSpan.FromSeconds(30) < options.Retry.IdleTimeout ? TimeSpan.FromSeconds(30) : options.Retry.IdleTimeout,
            // A body that is sent because a busy server has not said "100 Continue" yet may be one that it will not read: see ExpectHandler.
            Expect100ContinueTimeout = TimeSpan.FromSeconds(10),
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(new IdleTimeoutStream(context.PlaintextStream, options.Retry.IdleTimeout, time)),
        };
        Trust(handler.SslOptions, options);
        Client = new HttpClient(new ExpectHandler(handler)) { Timeout = Timeout.InfiniteTimeSpan };
    }

    public HttpClient Client { get; }

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => Client;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public override string? GetConfigUniqueString(IClientConfig clientConfig) => null;

    public void Dispose() => Client.Dispose();

    private static void Trust(SslClientAuthenticationOptions tls, S3StoreOptions options)
    {
        if (options.SkipTlsVerification)
        {
            // Asked for in so many words.
#pragma warning disable CA5359
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
            return;
        }

        if (options.CaCertificates.Length == 0) return;
        tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        tls.CertificateChainPolicy.CustomTrustStore.AddRange(options.ReadCertificates());
    }
}
