using System.Security.Cryptography.X509Certificates;

namespace NodeAgent.Stores.Requests;

/// <summary>Makes the one pooled HTTP client of a store: no redirects, no limit for whole requests but one for silence.</summary>
internal static class HttpConnection
{
    /// <param name="retry">For the limits of time.</param>
    /// <param name="trusted">Certificates to trust instead of the system's; null for those.</param>
    /// <param name="skipVerification">Whether any certificate will do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="refusesLinkLocal">Whether the address is a user's of a cluster, who is not to reach what only this machine may.</param>
    public static HttpClient Create(RetryOptions retry, X509Certificate2Collection? trusted, bool skipVerification, TimeProvider time, bool refusesLinkLocal = false)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            // DNS is asked again, so that an endpoint with many addresses, or one that moves, is followed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            // Below the idle limit: a connection that waits for work is no idle one.
            PooledConnectionIdleTimeout = retry.IdleTimeout / 2,
            ConnectTimeout = TimeSpan.FromSeconds(30) < retry.IdleTimeout ? TimeSpan.FromSeconds(30) : retry.IdleTimeout,
            // A body that is sent because a busy server has not said "100 Continue" yet may be one that it will not read: see ExpectHandler.
            Expect100ContinueTimeout = TimeSpan.FromSeconds(10),
            PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(new IdleTimeoutStream(context.PlaintextStream, retry.IdleTimeout, time)),
        };
        if (refusesLinkLocal) handler.ConnectCallback = static (context, cancellation) => LinkLocal.ConnectAsync(context.DnsEndPoint, cancellation);
        if (skipVerification)
        {
            // Asked for in so many words.
#pragma warning disable CA5359
            handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (trusted is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
        }

        return new HttpClient(new ExpectHandler(handler)) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
