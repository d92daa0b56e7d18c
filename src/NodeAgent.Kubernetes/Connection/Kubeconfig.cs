using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using NodeAgent.Kubernetes.Api;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>One or more kubeconfig files as one: where several have an entry of one name, the first file's counts.</summary>
internal sealed class Kubeconfig
{
    private readonly string _files;
    private readonly IReadOnlyList<KubeconfigSection> _roots;

    private Kubeconfig(string files, IReadOnlyList<KubeconfigSection> roots) => (_files, _roots) = (files, roots);

    /// <param name="mustExist">Whether each file must be there, or only one of them.</param>
    public static Kubeconfig Read(IReadOnlyList<string> paths, bool mustExist)
    {
        var roots = paths.Where(p => mustExist || File.Exists(p)).Select(ReadFile).ToList();
        var files = OneLine.Of(string.Join(':', paths));
        return roots.Count > 0
            ? new Kubeconfig(files, roots)
            : throw new ClusterConfigException($"kubeconfig {files}: it is not there (give --kubeconfig or set KUBECONFIG to a file that is)");
    }

    public ClusterConfig Open(string? contextName)
    {
        var name = !string.IsNullOrEmpty(contextName) ? contextName : _roots.Select(r => r.Text("current-context")).FirstOrDefault(c => c is not null)
            ?? throw new ClusterConfigException($"kubeconfig {_files}: it has no current-context (give --kubecontext, or run: kubectl config use-context NAME)");
        var context = Find("contexts", name, "context") ?? throw new ClusterConfigException(
            $"kubeconfig {_files}: it has no context {OneLine.Of(name)} ({Offer("contexts")})");
        var clusterName = context.Required("cluster");
        var cluster = Find("clusters", clusterName, "cluster") ?? throw context.Bad("cluster", $"there is no cluster \"{OneLine.Of(clusterName)}\" ({Offer("clusters")})");
        var userName = context.Text("user");
        var user = userName is null ? null
            : Find("users", userName, "user") ?? throw context.Bad("user", $"there is no user \"{OneLine.Of(userName)}\" ({Offer("users")})");
        return Build(name, context, cluster, user);
    }

    private static KubeconfigSection ReadFile(string path)
    {
        try
        {
            var yaml = new YamlStream();
            using var reader = File.OpenText(path);
            yaml.Load(reader);
            return yaml.Documents is [{ RootNode: YamlMappingNode root }]
                ? new KubeconfigSection(path, "", root)
                : throw new ClusterConfigException($"kubeconfig {OneLine.Of(path)}: it is no kubeconfig (one YAML mapping is expected)");
        }
        catch (YamlException e)
        {
            throw new ClusterConfigException($"kubeconfig {OneLine.Of(path)}: line {e.Start.Line}: it is no YAML: {OneLine.Of(e.Message)}", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ClusterConfigException($"kubeconfig {OneLine.Of(path)}: it is not there (give --kubeconfig or set KUBECONFIG)", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClusterConfigException($"kubeconfig {OneLine.Of(path)}: it cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }

    private static ClusterConfig Build(string contextName, KubeconfigSection context, KubeconfigSection cluster, KubeconfigSection? user)
    {
        var server = Address(cluster, "server", cluster.Required("server"));
        var skipsVerification = cluster.Flag("insecure-skip-tls-verify");
        var authority = cluster.Content("certificate-authority");
        if (skipsVerification && authority is not null)
            throw cluster.Bad("insecure-skip-tls-verify", "it excludes certificate-authority (remove one of them)");
        var serverName = cluster.Text("tls-server-name");
        if (serverName is not null && Uri.CheckHostName(serverName) == UriHostNameType.Unknown) throw cluster.Bad("tls-server-name", "it is no host name");
        return new ClusterConfig($"context {OneLine.Of(contextName)} of {OneLine.Of(context.File)}", server)
        {
            Namespace = context.Text("namespace"),
            Authorities = authority is null ? null : Certificates.Authorities(authority, cluster.Where("certificate-authority")),
            SkipsVerification = skipsVerification,
            ServerName = serverName,
            Proxy = cluster.Text("proxy-url") is { } proxy ? Address(cluster, "proxy-url", proxy) : null,
            ClientCertificates = user is null ? null : ClientCertificates(user),
            Credential = user is null ? null : ReadCredential(user, cluster, server),
            Headers = user is null ? [] : Impersonation(user),
        };
    }

    private static Uri Address(KubeconfigSection section, string name, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Host.Length > 0 && (address.Scheme is "http" or "https" || (name == "proxy-url" && address.Scheme == "socks5"))
            ? address
            : throw section.Bad(name, $"\"{OneLine.Of(text)}\" is no address such as https://10.0.0.1:6443");

    private static X509Certificate2Collection? ClientCertificates(KubeconfigSection user)
    {
        var certificate = user.Content("client-certificate");
        var key = user.Content("client-key");
        if (certificate is null && key is null) return null;
        if (key is null) throw user.Bad("client-key", "it is missing, although there is a client-certificate");
        if (certificate is null) throw user.Bad("client-certificate", "it is missing, although there is a client-key");
        return Certificates.Client(certificate, key, user.Where("client-certificate"));
    }

    private static Credential? ReadCredential(KubeconfigSection user, KubeconfigSection cluster, Uri server)
    {
        if (user.Section("auth-provider") is not null)
            throw user.Bad("auth-provider", "Kubernetes has removed this kind of login (use exec with the provider's plugin)");
        // The file comes before the text, as in kubectl: what is in the text may be an old copy of it.
        if (user.FilePath("tokenFile") is { } file) return new TokenFileCredential(file);
        if (user.Text("token") is { } token) return new FixedCredential(BearerToken.Header(token, user.Where("token")));
        if (user.Text("username") is { } name)
        {
            var pair = Encoding.UTF8.GetBytes($"{name}:{user.Text("password")}");
            return new FixedCredential(new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair)));
        }

        return user.Section("exec") is { } exec ? ExecCredential.Create(exec, cluster, server) : null;
    }

    /// <summary>Acting as somebody else must not be lost silently: without it, requests would run with more rights than asked for.</summary>
    private static List<KeyValuePair<string, string>> Impersonation(KubeconfigSection user)
    {
        var headers = new List<KeyValuePair<string, string>>();
        void Add(string header, string field, string value)
        {
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~')) throw user.Bad(field, "it holds characters that no header can carry");
            // A header that is repeated goes out as one line with commas, which the server takes for one odd name.
            if (headers.Exists(h => h.Key == header)) throw user.Bad(field, "more than one value is not supported (keep one)");
            headers.Add(new(header, value));
        }

        if (user.Text("as") is { } name) Add("Impersonate-User", "as", name);
        if (user.Text("as-uid") is { } uid) Add("Impersonate-Uid", "as-uid", uid);
        foreach (var group in user.Texts("as-groups")) Add("Impersonate-Group", "as-groups", group);
        if (user.Section("as-user-extra") is { } extra)
        {
            foreach (var field in extra.Names)
            {
                foreach (var value in extra.Texts(field)) Add("Impersonate-Extra-" + Uri.EscapeDataString(field), "as-user-extra", value);
            }
        }

        return headers.Count == 0 || user.Text("as") is not null ? headers : throw user.Bad("as", "it is missing, although other as- fields are set");
    }

    private KubeconfigSection? Find(string list, string name, string content) =>
        _roots.SelectMany(r => r.Sections(list)).FirstOrDefault(s => s.Text("name") == name) is { } entry
            ? entry.Section(content) ?? throw entry.Bad(content, "it is missing")
            : null;

    private string Offer(string list)
    {
        var names = _roots.SelectMany(r => r.Sections(list)).Select(s => s.Text("name")).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        return names.Count == 0 ? $"it has no {list} at all" : OneLine.Of($"there are: {string.Join(", ", names)}");
    }
}
