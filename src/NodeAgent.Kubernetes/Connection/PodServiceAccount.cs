using System.Globalization;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>What the kubelet puts into a pod for reaching the API server.</summary>
internal static class PodServiceAccount
{
    public static ClusterConfig Open(ClusterEnvironment environment)
    {
        var host = environment.Find("KUBERNETES_SERVICE_HOST")
            ?? throw new ClusterConfigException("this is no pod: KUBERNETES_SERVICE_HOST is not set (give --kubeconfig or set KUBECONFIG)");
        var port = environment.Find("KUBERNETES_SERVICE_PORT") ?? "443";
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            throw new ClusterConfigException($"KUBERNETES_SERVICE_PORT: \"{OneLine.Of(port)}\" is no port number");
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw new ClusterConfigException($"KUBERNETES_SERVICE_HOST: \"{OneLine.Of(host)}\" is neither a name nor an address");

        var token = Path.Combine(environment.ServiceAccountDirectory, "token");
        if (!File.Exists(token))
            throw new ClusterConfigException($"{OneLine.Of(token)} is not there: no service account is mounted (set automountServiceAccountToken on the pod, or give --kubeconfig)");
        var authority = Path.Combine(environment.ServiceAccountDirectory, "ca.crt");
        var ns = Path.Combine(environment.ServiceAccountDirectory, "namespace");
        var server = new UriBuilder(Uri.UriSchemeHttps, host, number).Uri;
        return new ClusterConfig("service account of this pod", server)
        {
            Namespace = File.Exists(ns) && Certificates.ReadFile(ns, "namespace of the service account").Trim() is { Length: > 0 } name ? name : null,
            Authorities = Certificates.Authorities(Certificates.ReadFile(authority, "certificate authority of the service account"), OneLine.Of(authority)),
            Credential = new TokenFileCredential(token),
            UsesEnvironmentProxy = false,
        };
    }
}
