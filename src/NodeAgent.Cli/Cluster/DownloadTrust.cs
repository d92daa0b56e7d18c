using System.CommandLine;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>Which certificate of the store is believed: --cacert, else the client config's, else the location's own, else the system's.</summary>
internal sealed class DownloadTrust
{
    public static readonly Option<TimeSpan?> Timeout = Flags.Duration("--timeout", "How long to wait for the server's answer", "1m");

    private readonly bool _skipsVerification;
    private readonly string? _certificateFile;

    private DownloadTrust(bool skipsVerification, string? certificateFile) =>
        (_skipsVerification, _certificateFile) = (skipsVerification, certificateFile);

    public static DownloadTrust From(ParseResult parse) => new(
        parse.GetValue(CertificateOptions.SkipVerification),
        parse.GetValue(CertificateOptions.CaCertificate) is { Length: > 0 } given ? given : ClientConfigFile.Load().GetValueOrDefault("cacert"));

    public async Task ApplyAsync(SocketsHttpHandler handler, ClusterSession cluster, string storageLocation, CancellationToken cancellationToken)
    {
        if (_skipsVerification)
        {
            // The user asked for it in so many words.
#pragma warning disable CA5359
            handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
            return;
        }

        if (await CertificatesAsync(cluster, storageLocation, cancellationToken) is not { Count: > 0 } certificates)
            return;
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(certificates);
    }

    private async Task<X509Certificate2Collection?> CertificatesAsync(ClusterSession cluster, string storageLocation, CancellationToken cancellationToken)
    {
        var certificates = new X509Certificate2Collection();
        if (!string.IsNullOrEmpty(_certificateFile))
        {
            certificates.ImportFromPemFile(_certificateFile);
            return certificates;
        }

        if (storageLocation.Length == 0 || await cluster.FindAsync(VeleroKinds.BackupLocation, storageLocation, cancellationToken) is not { } location
            || location.Raw("spec", "objectStorage", "caCert") is not { Length: > 0 } encoded)
            return null;
        try
        {
            certificates.ImportFromPem(System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(encoded)));
            return certificates;
        }
        catch (FormatException exception)
        {
            throw new CommandException(ExitCode.Failed, $"backup location {storageLocation}: its caCert is not base64 of a PEM file (set it again with: nodeagent backup-location set {storageLocation} --cacert FILE)", exception);
        }
    }
}
