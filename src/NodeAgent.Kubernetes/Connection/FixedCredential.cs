using System.Net.Http.Headers;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>A token or a password that stands in the kubeconfig.</summary>
internal sealed class FixedCredential(AuthenticationHeaderValue header) : Credential
{
    public override ValueTask<AuthenticationHeaderValue?> GetAsync(TimeProvider time, CancellationToken cancellation) => new(header);
}
