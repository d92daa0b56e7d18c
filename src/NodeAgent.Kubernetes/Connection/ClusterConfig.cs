using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>Which API server, trusted how, with whose credentials. Immutable; one may serve several clients.</summary>
public sealed class ClusterConfig
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);

    // Connections are replaced now and then, so that servers behind a load balancer share the work again after a restart.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(15);

    internal ClusterConfig(string source, Uri server)
    {
        Source = source;
        // A path in front of the API, as some proxies have, counts as a directory.
        Server = server.AbsoluteUri.EndsWith('/') ? server : new Uri(server.AbsoluteUri + "/");
    }

    /// <summary>Address of the server; ends with a slash.</summary>
    public Uri Server { get; }

    /// <summary>Where this comes from, for people: a file and context, or the pod.</summary>
    public string Source { get; }

    /// <summary>Namespace of the context or of the pod; null when neither names one.</summary>
    public string? Namespace { get; internal init; }

    internal X509Certificate2Collection? Authorities { get; init; }

    internal bool SkipsVerification { get; init; }

    /// <summary>Name that the server's certificate must have; null for the one in the address.</summary>
    internal string? ServerName { get; init; }

    internal X509Certificate2Collection? ClientCertificates { get; init; }

    internal Credential? Credential { get; init; }

    internal Uri? Proxy { get; init; }

    /// <summary>
    /// False for a server that is never behind a proxy, whatever the environment says: the one that a pod is told of by its kubelet. Proxies are set
    /// for the way out of the cluster, and exceptions from them are often networks, which .NET does not match addresses with.
    /// </summary>
    internal bool UsesEnvironmentProxy { get; init; } = true;

    internal IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>
    /// The file given; else those that KUBECONFIG lists; else ~/.kube/config where it exists; else the service account of the pod
    /// that this runs in.
    /// </summary>
    /// <param name="kubeconfig">Null or empty when none was given.</param>
    /// <param name="context">Null or empty for the current context.</param>
    /// <exception cref="ClusterConfigException">None of them exists, or the one found cannot be used.</exception>
    public static ClusterConfig Load(string? kubeconfig, string? context) => Load(kubeconfig, context, ClusterEnvironment.OfProcess);

    /// <summary>A context of one kubeconfig file.</summary>
    /// <inheritdoc cref="Load(string?, string?)" path="/param|/exception"/>
    public static ClusterConfig FromKubeconfig(string path, string? context) => Kubeconfig.Read([path], mustExist: true).Open(context);

    /// <summary>The service account of the pod that this runs in. Its token is read again every minute, because the kubelet replaces it.</summary>
    /// <exception cref="ClusterConfigException">This does not run in a pod, or its service account is not mounted.</exception>
    public static ClusterConfig InCluster() => PodServiceAccount.Open(ClusterEnvironment.OfProcess);

    /// <summary>A server at an address, without a file.</summary>
    /// <param name="token">Bearer token; null for none.</param>
    public static ClusterConfig ForServer(Uri server, string? token = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        return new ClusterConfig(server.Authority, server)
        {
            Credential = token is null ? null : new FixedCredential(new AuthenticationHeaderValue("Bearer", token)),
        };
    }

    internal static ClusterConfig Load(string? kubeconfig, string? context, ClusterEnvironment environment)
    {
        if (!string.IsNullOrEmpty(kubeconfig)) return FromKubeconfig(kubeconfig, context);
        if (environment.Find("KUBECONFIG") is { } listed)
            return Kubeconfig.Read(listed.Split(':', StringSplitOptions.RemoveEmptyEntries), mustExist: false).Open(context);
        var standard = Path.Combine(environment.Find("HOME") ?? "/", ".kube", "config");
        if (File.Exists(standard)) return FromKubeconfig(standard, context);
        if (environment.Find("KUBERNETES_SERVICE_HOST") is null)
            throw new ClusterConfigException($"no cluster is named: {OneLine.Of(standard)} does not exist and this is no pod (give --kubeconfig, set KUBECONFIG, or run in a pod with a service account)");
        return PodServiceAccount.Open(environment);
    }

    /// <summary>Each call makes a new set of connections; the caller disposes it.</summary>
    internal HttpMessageHandler CreateHandler(TimeProvider time)
    {
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.GZip,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = ConnectionLifetime,
            ConnectCallback = ConnectAsync,
        };
        if (Proxy is not null) sockets.Proxy = new WebProxy(Proxy);
        else sockets.UseProxy = UsesEnvironmentProxy;
        var tls = sockets.SslOptions;
        if (ClientCertificates is { Count: > 0 } chain)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(chain[0], [.. chain.Skip(1)], offline: true);
        }
        else if (Credential is ExecCredential plugin)
        {
            // Chosen per connection, so a renewed certificate is used from the next connection on.
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => plugin.Certificate!;
        }

        if (SkipsVerification)
        {
            // The kubeconfig asks for it in so many words.
#pragma warning disable CA5359
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (Authorities is not null)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(Authorities);
        }

        return new CredentialHandler(this, sockets, time);
    }

    /// <summary>
    /// A server whose machine vanished sends nothing, not even an end. Probes find out within some 90 s, where the kernel's
    /// default takes two hours.
    /// </summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
