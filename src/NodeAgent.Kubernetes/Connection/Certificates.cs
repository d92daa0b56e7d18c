using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>Certificates out of PEM text; what is wrong with them is said in terms of where they came from.</summary>
internal static class Certificates
{
    public static X509Certificate2Collection Authorities(string pem, string source)
    {
        var found = Import(pem, source);
        return found.Count > 0 ? found : throw new ClusterConfigException($"{source}: it holds no certificate (PEM text is expected)");
    }

    /// <summary>The client's certificate with its key comes first, then the intermediates.</summary>
    public static X509Certificate2Collection Client(string certificate, string key, string source)
    {
        var chain = Authorities(certificate, source);
        try
        {
            chain[0] = X509Certificate2.CreateFromPem(certificate, key);
            return chain;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ClusterConfigException($"{source}: the client certificate and its key cannot be used together: {OneLine.Of(e.Message)}", e);
        }
    }

    public static string ReadFile(string path, string what)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClusterConfigException($"{what}: {OneLine.Of(path)} cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }

    private static X509Certificate2Collection Import(string pem, string source)
    {
        var found = new X509Certificate2Collection();
        try
        {
            found.ImportFromPem(pem);
            return found;
        }
        catch (CryptographicException e)
        {
            throw new ClusterConfigException($"{source}: a certificate in it is damaged: {OneLine.Of(e.Message)}", e);
        }
    }
}
