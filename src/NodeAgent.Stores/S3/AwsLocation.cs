using System.Globalization;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.S3;

/// <summary>The provider <c>aws</c>: a bucket, with the configuration keys of Velero's plugin for it and some of our own.</summary>
internal static class AwsLocation
{
    /// <summary>
    /// Velero's keys. Two are taken and not needed: each object has its Content-MD5 whatever <c>checksumAlgorithm</c> says, and a
    /// location's credentials may always hold what <c>enableSharedConfig</c> allows them. <see cref="NotesOn"/> has more.
    /// </summary>
    private static readonly string[] VeleroKeys =
    [
        "region", "s3Url", "publicUrl", "s3ForcePathStyle", "kmsKeyId", "serverSideEncryption", "customerKeyEncryptionFile", "customerKeyEncryptionSecret", "profile", "insecureSkipTLSVerify",
        "caCert", "checksumAlgorithm", "tagging", "enableSharedConfig", "signatureVersion", "credentialsFile", "bucket", "prefix",
    ];

    /// <summary>Where the Secret with the servers' own credentials is mounted in their pods: the only files that a location may name.</summary>
    private const string MountedSecrets = "/credentials/";

    private static readonly string[] OwnKeys = ["storageClass", "objectLockMode", "objectLockDays"];

    public const string ProgramRefusal =
        "its credentials name a program that prints keys (credential_process); none is run here, since whoever may write Secrets could have any program run in this pod: put keys into the Secret, or a role with a web identity";

    /// <summary>Whether a location's credentials would have a program run.</summary>
    public static bool NamesProgram(string credentials) => credentials.Split('\n', '\r').Any(static line => line.TrimStart().StartsWith("credential_process", StringComparison.OrdinalIgnoreCase));

    /// <summary>What of the settings is taken and not done, a line each.</summary>
    public static IEnumerable<string> NotesOn(LocationDescription location)
    {
        if (location.Config.TryGetValue("credentialsFile", out var file) && file.Length > 0)
            yield return "config.credentialsFile is not used, since whoever may write locations could have any file of this pod read: put the file into a Secret and name it in spec.credential";
        if (location.Config.TryGetValue("signatureVersion", out var version) && version is not ("" or "4"))
            yield return $"config.signatureVersion {version} is not used: addresses for downloads are signed by version 4";
    }

    /// <exception cref="LocationException">A key is not known or a value cannot be used.</exception>
    public static S3StoreOptions OptionsOf(LocationDescription location, string folder)
    {
        if (location.Config.Keys.Order(StringComparer.Ordinal).FirstOrDefault(key => !VeleroKeys.Contains(key) && !OwnKeys.Contains(key)) is { } unknown)
            throw Refused(location, $"config.{unknown} is not known to provider aws; known are {string.Join(", ", VeleroKeys.Except(["bucket", "prefix"]).Concat(OwnKeys))}");
        if (location.Bucket.Length == 0) throw Refused(location, "no bucket is named: give it in spec.objectStorage.bucket");
        if (NamesProgram(location.Credentials)) throw Refused(location, ProgramRefusal);
        var options = new S3StoreOptions
        {
            Bucket = location.Bucket,
            Prefix = string.Join('/', new[] { location.Prefix.Trim('/'), folder }.Where(part => part.Length > 0)),
            Region = Text("region"),
            Endpoint = Text("s3Url"),
            PathStyle = Switch("s3ForcePathStyle"),
            PublicEndpoint = Text("publicUrl"),
            CaCertificates = location.CaCertificate.Length > 0 ? location.CaCertificate : Text("caCert"),
            SkipTlsVerification = Switch("insecureSkipTLSVerify") ?? false,
            ServerSideEncryption = Text("serverSideEncryption"),
            KmsKeyId = Text("kmsKeyId"),
            CustomerKey = CustomerKey(),
            StorageClass = Text("storageClass"),
            Tagging = Text("tagging"),
            ObjectLockMode = Text("objectLockMode"),
            ObjectLockDays = Days(),
            Profile = Text("profile"),
            CredentialsContent = location.Credentials,
            OfLocation = true,
            Retry = RetryOptions.ForServers,
            CapabilityDirectory = S3CapabilityCache.DefaultDirectory ?? "",
        };
        if (LinkLocal.IsNamedBy(options.Endpoint)) throw Refused(location, $"config.s3Url {options.Endpoint} {LinkLocal.Refusal}");
        return options.Validate() is [var first, ..] ? throw Refused(location, first) : options;

        string Text(string key) => location.Config.TryGetValue(key, out var value) ? value : "";

        bool? Switch(string key) => Text(key) switch
        {
            "" => null,
            var text when bool.TryParse(text, out var value) => value,
            var text => throw Refused(location, $"config.{key} is \"{text}\" instead of \"true\" or \"false\""),
        };

        int Days() => Text("objectLockDays") switch
        {
            "" => 0,
            var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var days) => days,
            var text => throw Refused(location, $"config.objectLockDays is \"{text}\" instead of a number of days"),
        };

        ReadOnlyMemory<byte> CustomerKey()
        {
            if (Text("customerKeyEncryptionFile") is not { Length: > 0 } file) return location.CustomerKey;
            if (!location.CustomerKey.IsEmpty) throw Refused(location, "config.customerKeyEncryptionFile and customerKeyEncryptionSecret exclude each other; keep one");
            if (!Path.GetFullPath(file).StartsWith(MountedSecrets, StringComparison.Ordinal))
                throw Refused(location, $"config.customerKeyEncryptionFile {file} is not below {MountedSecrets}: whoever may write locations could have any file of this pod read; put the key into a Secret and name it in config.customerKeyEncryptionSecret");
            try
            {
                return File.ReadAllBytes(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Refused(location, $"config.customerKeyEncryptionFile cannot be read: {e.Message}");
            }
        }
    }

    private static LocationException Refused(LocationDescription location, string why) => new($"location {location.Name}: {why}");
}
