using System.CommandLine;
using System.Globalization;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Cli.Machine;

/// <summary>How a repository in S3 is reached. Keys never come from the command line, where other users of the machine could read them.</summary>
internal static class S3Options
{
    public const string Scheme = "s3://";

    private static readonly Option<string> Endpoint = Flags.Text("--s3-endpoint", "URL of an S3 server other than AWS (or AWS_ENDPOINT_URL_S3)", "url");
    private static readonly Option<string> Region = Flags.Text("--s3-region", "Region of the bucket (or AWS_REGION)", "region");
    private static readonly Option<bool?> PathStyle = Flags.OptionalBool("--s3-path-style", "Whether the bucket is named in the path, not in the host name; as a rule it is with --s3-endpoint");
    private static readonly Option<string> CaCertificate = Flags.Text("--s3-ca-cert", "PEM file with the certificates to trust (or AWS_CA_BUNDLE)", "file");
    private static readonly Option<bool> SkipVerification = Flags.Switch("--s3-insecure-skip-tls-verify", "Trust any certificate of the S3 server");
    private static readonly Option<string> StorageClass = Flags.Text("--s3-storage-class", "Storage class of objects from 128 KiB on", "class");
    private static readonly Option<string> Encryption = Flags.Text("--s3-sse", "Encryption by the server: AES256, aws:kms or aws:kms:dsse", "kind");
    private static readonly Option<string> KmsKey = Flags.Text("--s3-kms-key-id", "KMS key that the server encrypts with", "id");
    private static readonly Option<string> CustomerKeyFile = Flags.Text("--s3-customer-key-file", "File with 32 bytes that the server encrypts with and does not keep", "file");
    private static readonly Option<string> Tagging = Flags.Text("--s3-tagging", "Tags of each object, such as team=a&tier=b", "tags");
    private static readonly Option<string> ObjectLock = Flags.Text("--s3-object-lock", "Lock each object, such as governance:30 for 30 days", "mode:days");
    private static readonly Option<string> Profile = Flags.Text("--s3-profile", "Profile of the credentials file (or AWS_PROFILE)", "name");
    private static readonly Option<string> CredentialsFile = Flags.Text("--s3-credentials-file", "Credentials file (or AWS_SHARED_CREDENTIALS_FILE)", "file");

    private static readonly Option[] All =
        [Endpoint, Region, PathStyle, CaCertificate, SkipVerification, StorageClass, Encryption, KmsKey, CustomerKeyFile, Tagging, ObjectLock, Profile, CredentialsFile];

    public static Command WithS3Options(this Command command)
    {
        foreach (var option in All)
        {
            option.Recursive = true;
            command.Add(option);
        }

        return command;
    }

    /// <exception cref="UsageException">The address or a flag cannot be used.</exception>
    public static S3StoreOptions Read(ParseResult parse, string address)
    {
        var (bucket, prefix) = Split(address);
        var (mode, days) = ReadLock(parse);
        var endpoint = First(parse.GetValue(Endpoint)!, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
        // Plain HTTP has no certificates; a bundle that the environment names need not be read then.
        var bundle = endpoint.StartsWith("http:", StringComparison.OrdinalIgnoreCase) ? parse.GetValue(CaCertificate)! : First(parse.GetValue(CaCertificate)!, "AWS_CA_BUNDLE");
        var options = new S3StoreOptions
        {
            Bucket = bucket,
            Prefix = prefix,
            Endpoint = endpoint,
            Region = First(parse.GetValue(Region)!, "AWS_REGION", "AWS_DEFAULT_REGION"),
            PathStyle = parse.GetResult(PathStyle) is { Implicit: false } ? parse.GetValue(PathStyle) ?? true : null,
            CaCertificates = bundle.Length > 0 ? System.Text.Encoding.UTF8.GetString(ReadFile("--s3-ca-cert", bundle)) : "",
            SkipTlsVerification = parse.GetValue(SkipVerification),
            StorageClass = parse.GetValue(StorageClass)!,
            ServerSideEncryption = parse.GetValue(Encryption)!,
            KmsKeyId = parse.GetValue(KmsKey)!,
            CustomerKey = parse.GetValue(CustomerKeyFile) is { Length: > 0 } key ? ReadFile("--s3-customer-key-file", key) : default,
            Tagging = parse.GetValue(Tagging)!,
            ObjectLockMode = mode,
            ObjectLockDays = days,
            Profile = parse.GetValue(Profile)!,
            CredentialsFile = parse.GetValue(CredentialsFile)!,
            Retry = RetryOptions.ForCommandLine,
            CapabilityDirectory = S3CapabilityCache.DefaultDirectory,
            OnTrouble = StandardStreams.Warn,
        };
        return options.Validate() is [var first, ..] ? throw new UsageException($"repository {DisplayText.Name(address)}: {first}") : options;
    }

    private static (string Bucket, string Prefix) Split(string address)
    {
        var parts = address[Scheme.Length..].Split('/', 2);
        return (parts[0], parts.Length > 1 ? parts[1] : "");
    }

    private static (string Mode, int Days) ReadLock(ParseResult parse)
    {
        var text = parse.GetValue(ObjectLock)!;
        if (text.Length == 0) return ("", 0);
        var parts = text.Split(':');
        if (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var days)) return (parts[0].ToUpperInvariant(), days);
        throw new UsageException($"--s3-object-lock {text}: not a mode and a number of days (write it as governance:30 or compliance:30)");
    }

    private static byte[] ReadFile(string flag, string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failed, $"{flag} {DisplayText.Name(path)}: {(exception is FileNotFoundException or DirectoryNotFoundException ? "it is not there (check the path)" : exception.Message)}", exception);
        }
    }

    private static string First(string given, params string[] variables)
    {
        if (given.Length > 0) return given;
        return variables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => value is { Length: > 0 }) ?? "";
    }
}
