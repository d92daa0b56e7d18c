using System.Globalization;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>The configuration keys of Velero's plugin for Azure.</summary>
internal static class AzureLocation
{
    private static readonly string[] Keys =
        ["storageAccount", "resourceGroup", "subscriptionId", "storageAccountKeyEnvVar", "storageAccountURI", "blockSizeInBytes", "useAAD", "activeDirectoryAuthorityURI", "bucket", "prefix", "caCert", "credentialsFile"];

    /// <summary>What of the settings is taken and not done, a line each.</summary>
    public static IEnumerable<string> NotesOn(LocationDescription location)
    {
        if (Text(location, "credentialsFile").Length > 0)
            yield return "config.credentialsFile is not used, since whoever may write locations could have any file of this pod read: put the file into a Secret and name it in spec.credential";
        if (Text(location, "activeDirectoryAuthorityURI").Length > 0 && !UsesPrincipal(location))
            yield return "config.activeDirectoryAuthorityURI is not used without useAAD: the account's key is";
    }

    /// <exception cref="LocationException">A key is not known or a value cannot be used.</exception>
    public static AzureStoreOptions OptionsOf(LocationDescription location, string folder, Func<string, string?> environment)
    {
        if (location.Config.Keys.Order(StringComparer.Ordinal).FirstOrDefault(key => !Keys.Contains(key)) is { } unknown)
            throw Refused(location, $"config.{unknown} is not known to provider azure; known are {string.Join(", ", Keys.Except(["bucket", "prefix", "credentialsFile"]))}");
        if (Text(location, "useAAD") is var wanted && wanted.Length > 0 && !bool.TryParse(wanted, out _))
            throw Refused(location, $"config.useAAD is \"{wanted}\" instead of \"true\" or \"false\"");
        if (location.Bucket.Length == 0) throw Refused(location, "no container is named: give it in spec.objectStorage.bucket");
        var credentials = CredentialsOf(location, environment);
        var account = Text(location, "storageAccount");
        var options = new AzureStoreOptions
        {
            Account = account,
            Container = location.Bucket,
            Prefix = string.Join('/', new[] { location.Prefix.Trim('/'), folder }.Where(part => part.Length > 0)),
            Endpoint = Endpoint(location, account, credentials),
            AccountKey = UsesPrincipal(location) ? "" : KeyOf(location, credentials),
            Principal = UsesPrincipal(location) ? PrincipalOf(location, credentials) : null,
            BlockSize = BlockSize(location),
            CaCertificates = location.CaCertificate.Length > 0 ? location.CaCertificate : Text(location, "caCert"),
            Retry = RetryOptions.ForServers,
        };
        foreach (var address in (string?[])[options.Endpoint, options.Principal?.Authority])
        {
            if (address is not null && LinkLocal.IsNamedBy(address)) throw Refused(location, $"{address} {LinkLocal.Refusal}");
        }

        return options.Validate() is [var first, ..] ? throw Refused(location, first) : options;
    }

    private static string Text(LocationDescription location, string key) => location.Config.TryGetValue(key, out var value) ? value : "";

    private static AzureCredentials CredentialsOf(LocationDescription location, Func<string, string?> environment)
    {
        if (location.Credentials.Length > 0) return AzureCredentials.Parse(location.Credentials);
        try
        {
            return AzureCredentials.OfServer(environment);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(location, $"the server's own credentials file ({AzureCredentials.FileVariable}) cannot be read: {e.Message}");
        }
    }

    private static string KeyOf(LocationDescription location, AzureCredentials credentials)
    {
        var variable = Text(location, "storageAccountKeyEnvVar") is { Length: > 0 } named ? named : AzureCredentials.AccountKey;
        return credentials[variable] ?? throw Refused(
            location, $"there is no account key: the credentials have no line {variable}=...; it is not fetched by config.resourceGroup and config.subscriptionId, so put the storage account's key there, or set config.useAAD for a service principal");
    }

    private static bool UsesPrincipal(LocationDescription location) => bool.TryParse(Text(location, "useAAD"), out var wanted) && wanted;

    /// <summary>
    /// What a location says about addresses counts only for what came with it: whoever may write locations could otherwise have this server's
    /// own secret, or a token made with it, sent to a machine of theirs.
    /// </summary>
    private static AzurePrincipal PrincipalOf(LocationDescription location, AzureCredentials credentials)
    {
        foreach (var key in (string[])["activeDirectoryAuthorityURI", "storageAccountURI"])
        {
            if (location.Credentials.Length == 0 && Text(location, key).Length > 0)
                throw Refused(location, $"config.{key} is not used with useAAD and the server's own credentials, which would be sent there: put the service principal into a Secret and name it in spec.credential");
        }

        var authority = Text(location, "activeDirectoryAuthorityURI") is { Length: > 0 } given ? given : CloudOf(location, credentials).Authority;
        if (!Uri.TryCreate(authority, UriKind.Absolute, out var uri) || (uri.Scheme != "https" && !(uri.Scheme == "http" && uri.IsLoopback)))
            throw Refused(location, $"config.activeDirectoryAuthorityURI \"{authority}\" is no address of a service that gives out tokens, such as https://login.microsoftonline.com");
        return new AzurePrincipal(Of(AzureCredentials.Tenant), Of(AzureCredentials.Client), Of(AzureCredentials.Secret), authority);

        string Of(string name) => credentials[name] ?? throw Refused(
            location, $"config.useAAD needs a service principal with a secret, and the credentials have no line {name}=... (certificates, user names and identities of the machine are not supported)");
    }

    private static string Endpoint(LocationDescription location, string account, AzureCredentials credentials) => Text(location, "storageAccountURI") is { Length: > 0 } uri
        ? (uri.Contains("://", StringComparison.Ordinal) ? uri : $"https://{uri}").TrimEnd('/')
        : $"https://{account}.blob.{CloudOf(location, credentials).Suffix}";

    private static (string Suffix, string Authority) CloudOf(LocationDescription location, AzureCredentials credentials) => (credentials[AzureCredentials.CloudName] ?? "").ToUpperInvariant() switch
    {
        "" or "AZUREPUBLICCLOUD" or "AZURECLOUD" => ("core.windows.net", "https://login.microsoftonline.com"),
        "AZUREUSGOVERNMENTCLOUD" or "AZUREUSGOVERNMENT" => ("core.usgovcloudapi.net", "https://login.microsoftonline.us"),
        "AZURECHINACLOUD" => ("core.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
        _ => throw Refused(location, $"{AzureCredentials.CloudName} \"{credentials[AzureCredentials.CloudName]}\" is not known: use AzurePublicCloud, AzureUSGovernmentCloud or AzureChinaCloud, or give config.storageAccountURI"),
    };

    private static int BlockSize(LocationDescription location) => Text(location, "blockSizeInBytes") switch
    {
        "" => AzureStoreOptions.DefaultBlockSize,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) => size,
        var text => throw Refused(location, $"config.blockSizeInBytes is \"{text}\" instead of a number of bytes"),
    };

    private static LocationException Refused(LocationDescription location, string why) => new($"location {location.Name}: {why}");
}
