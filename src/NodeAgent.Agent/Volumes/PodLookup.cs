using NodeAgent.Agent.Runs;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Agent.Volumes;

/// <summary>Asks the API server itself for a pod, where a copy that may lag behind is not enough.</summary>
internal sealed class PodLookup(ApiClient client)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public Task<KubernetesObject?> FindAsync(string ns, string name, CancellationToken cancellation) => client.FindAsync(KubernetesResources.Pods, ns, name, cancellation);

    /// <summary>As <see cref="FindAsync"/>, and waits for as long as the API server is away: work of hours must not be thrown away for a question.</summary>
    public async Task<KubernetesObject?> FindPatientlyAsync(string ns, string name, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await FindAsync(ns, name, cancellation);
            }
            catch (Exception e) when (ServerOutage.IsCauseOf(e))
            {
                await Task.Delay(Interval, client.Time, cancellation);
            }
        }
    }
}
