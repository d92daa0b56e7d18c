using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Controller.Cluster;

/// <summary>Makes the HTTP client for a cluster: from a kubeconfig (token, token file or client certificate) or from within a pod.</summary>
internal static class ClusterConnection
{
    private const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>Opens the connection that the options ask for. Throws <see cref="InvalidOperationException"/> with what is missing.</summary>
    public static HttpClient Open(ControllerOptions options)
    {
        var path = options.Kubeconfig ?? Environment.GetEnvironmentVariable("KUBECONFIG");
        if (!string.IsNullOrEmpty(path)) return FromKubeconfig(path, options.KubeContext);
        var host = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST");
        if (!string.IsNullOrEmpty(host)) return InCluster(host, Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT") ?? "443");
        var home = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config");
        return File.Exists(home)
            ? FromKubeconfig(home, options.KubeContext)
            : throw new InvalidOperationException("no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account");
    }

    private static HttpClient InCluster(string host, string port)
    {
        var authority = host.Contains(':') ? $"[{host}]" : host;
        return Build($"https://{authority}:{port}", X509CertificateLoader.LoadCertificateFromFile(ServiceAccount + "/ca.crt"), null, false, ServiceAccount + "/token", null);
    }

    private static HttpClient FromKubeconfig(string path, string? contextName)
    {
        var yaml = new YamlStream();
        using (var reader = File.OpenText(path)) yaml.Load(reader);
        var root = yaml.Documents.Count > 0 ? yaml.Documents[0].RootNode as YamlMappingNode : null;
        contextName ??= Text(root, "current-context") ?? throw new InvalidOperationException($"{path}: no current-context; name a context");
        var context = Named(root, "contexts", contextName, "context") ?? throw new InvalidOperationException($"{path}: there is no context \"{contextName}\"");
        var cluster = Named(root, "clusters", Text(context, "cluster") ?? "", "cluster") ?? throw new InvalidOperationException($"{path}: the cluster of context \"{contextName}\" is missing");
        var user = Named(root, "users", Text(context, "user") ?? "", "user");
        var server = Text(cluster, "server") ?? throw new InvalidOperationException($"{path}: the cluster of context \"{contextName}\" has no server");
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var authority = Data(cluster, "certificate-authority", directory);
        var certificate = Data(user, "client-certificate", directory);
        var key = Data(user, "client-key", directory);
        var client = certificate is not null && key is not null ? X509Certificate2.CreateFromPem(certificate, key) : null;
        return Build(server, authority is null ? null : X509Certificate2.CreateFromPem(authority), client,
            Text(cluster, "insecure-skip-tls-verify") == "true", Text(user, "tokenFile"), Text(user, "token"));
    }

    private static HttpClient Build(string server, X509Certificate2? authority, X509Certificate2? client, bool insecure, string? tokenFile, string? token)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(10) };
        if (client is not null) handler.SslOptions.ClientCertificates = [client];
        if (insecure || authority is not null)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => insecure || IsTrusted(certificate, chain, errors, authority!);
        }

        HttpMessageHandler outer = tokenFile is null ? handler : new TokenFileHandler(tokenFile, handler);
        var http = new HttpClient(outer) { BaseAddress = new Uri(server.TrimEnd('/') + "/"), Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private static bool IsTrusted(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, X509Certificate2 authority)
    {
        if (certificate is null || chain is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return false;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        return chain.Build(new X509Certificate2(certificate));
    }

    private static string? Data(YamlMappingNode? node, string name, string directory)
    {
        if (Text(node, name + "-data") is { } inline) return System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(inline));
        return Text(node, name) is { } file ? File.ReadAllText(Path.Combine(directory, file)) : null;
    }

    private static YamlMappingNode? Named(YamlMappingNode? root, string list, string name, string child) =>
        root is not null && root.Children.TryGetValue(new YamlScalarNode(list), out var found) && found is YamlSequenceNode entries
            ? entries.OfType<YamlMappingNode>().Where(e => Text(e, "name") == name)
                .Select(e => e.Children.TryGetValue(new YamlScalarNode(child), out var value) ? value as YamlMappingNode : null).FirstOrDefault()
            : null;

    private static string? Text(YamlMappingNode? node, string name) =>
        node is not null && node.Children.TryGetValue(new YamlScalarNode(name), out var value) && value is YamlScalarNode { Value.Length: > 0 } scalar ? scalar.Value : null;
}
