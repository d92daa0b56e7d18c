using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster.Connection;

/// <summary>The HTTP client for a cluster, from a kubeconfig or from within a pod.</summary>
internal static class ClusterConnection
{
    private const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromMinutes(1);

    /// <summary>The flag, else KUBECONFIG, else ~/.kube/config, else the service account of the pod. The caller disposes the client.</summary>
    /// <exception cref="CommandException">There is no way to a cluster, or the one named cannot be used.</exception>
    public static HttpClient Open(string kubeconfig, string context)
    {
        if (FindKubeconfig(kubeconfig) is { } path)
            return Open(KubeconfigFile.Load(path, context));
        if (Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is { Length: > 0 } host)
            return OpenInCluster(host, Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT") is { Length: > 0 } port ? port : "443");
        throw new CommandException(ExitCode.Failed, "no cluster is named (give --kubeconfig, set KUBECONFIG, or run in a pod with a service account)");
    }

    private static string? FindKubeconfig(string given)
    {
        if (given.Length > 0)
            return given;
        // Several files may be named; the first that is there is used.
        if (Environment.GetEnvironmentVariable("KUBECONFIG") is { Length: > 0 } listed)
            return listed.Split(':', StringSplitOptions.RemoveEmptyEntries) is var paths && Array.Find(paths, File.Exists) is { } found ? found : paths[0];
        var standard = Path.Combine(Environment.GetEnvironmentVariable("HOME") ?? "/", ".kube", "config");
        return File.Exists(standard) ? standard : null;
    }

    private static HttpClient Open(KubeconfigFile file)
    {
        if (file.NeedsPlugin)
            throw new CommandException(ExitCode.Failed, "kubeconfig: the user's credentials come from a plugin (exec), which is not supported here (use a context with a token or a client certificate)");
        var client = file is { ClientCertificate: { } certificate, ClientKey: { } key } ? X509Certificate2.CreateFromPem(certificate, key) : null;
        return Build(file.Server, file.Authority, client, file.SkipsVerification, file.Token);
    }

    private static HttpClient OpenInCluster(string host, string port)
    {
        var authority = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        return Build($"https://{authority}:{port}", File.ReadAllText(ServiceAccount + "/ca.crt"), null, false, File.ReadAllText(ServiceAccount + "/token").Trim());
    }

    private static HttpClient Build(string server, string? authority, X509Certificate2? client, bool skipsVerification, string? token)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectTimeout };
        if (client is not null)
            handler.SslOptions.ClientCertificates = [client];
        if (skipsVerification)
        {
            // The kubeconfig asks for it in so many words.
#pragma warning disable CA5359
            handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (authority is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(authority);
        }

        var http = new HttpClient(handler) { BaseAddress = new Uri(server.TrimEnd('/') + "/"), Timeout = RequestTimeout };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }
}
