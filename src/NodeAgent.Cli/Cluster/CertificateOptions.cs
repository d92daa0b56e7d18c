using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>How the server of an object store is trusted when files are fetched from it.</summary>
internal static class CertificateOptions
{
    public static readonly Option<string> CaCertificate = Flags.Text("--cacert", "PEM file with the certificates to trust", "file");
    public static readonly Option<bool> SkipVerification = Flags.Switch("--insecure-skip-tls-verify", "Do not check the store's certificate");

    /// <summary>The file's content in base64, or null when none was given.</summary>
    public static string? ReadBase64(ParseResult parse)
    {
        if (parse.GetValue(CaCertificate) is not { Length: > 0 } path)
            return null;
        var pem = File.ReadAllBytes(path);
        return pem.AsSpan().IndexOf("-----BEGIN CERTIFICATE-----"u8) >= 0
            ? Convert.ToBase64String(pem)
            : throw new CommandException(ExitCode.Failed, $"--cacert {path}: there is no PEM certificate in it (give a file with -----BEGIN CERTIFICATE-----)");
    }
}
