using System.Net.Http.Headers;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>What a request shows to be let in. Safe for concurrent use.</summary>
internal abstract class Credential
{
    /// <summary>The header for the next request; null when the credential is not a header.</summary>
    public abstract ValueTask<AuthenticationHeaderValue?> GetAsync(TimeProvider time, CancellationToken cancellation);

    /// <summary>Told that the server refused what was shown. True when the next one may be better.</summary>
    public virtual bool Renew(AuthenticationHeaderValue? refused) => false;
}
