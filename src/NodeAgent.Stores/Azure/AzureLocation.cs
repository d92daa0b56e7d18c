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
        if (Text(location, "activeDirectoryAuthorityURI").Length > 0)
            yield return "config.activeDirectoryAuthorityURI is not used: the account's key is";
    }

    /// <exception cref="LocationException">A key is not known or a value cannot be used.</exception>
    public static AzureStoreOptions OptionsOf(LocationDescription location, string folder, Func<string, string?> environment)
    {
        if (location.Config.Keys.Order(StringComparer.Ordinal).FirstOrDefault(key => !Keys.Contains(key)) is { } unknown)
            throw Refused(location, $"config.{unknown} is not known to provider azure; known are {string.Join(", ", Keys.Except(["bucket", "prefix", "credentialsFile"]))}");
        if (Text(location, "useAAD") is var wanted && wanted.Length > 0 && !bool.TryParse(wanted, out _))
            throw Refused(location, $"config.useAAD is \"{wanted}\" instead of \"true\" or \"false\"");
        if (wanted.Length > 0 && bool.Parse(wanted))
            throw Refused(location, $"config.useAAD: signing in by Microsoft Entra ID is not supported yet; put the account's key into the credentials as {AzureCredentials.AccountKey} and leave useAAD away");
        if (location.Bucket.Length == 0) throw Refused(location, "no container is named: give it in spec.objectStorage.bucket");
        var credentials = CredentialsOf(location, environment);
        var account = Text(location, "storageAccount");
        var options = new AzureStoreOptions
        {
            Account = account,
            Container = location.Bucket,
            Prefix = string.Join('/', new[] { location.Prefix.Trim('/'), folder }.Where(part => part.Length > 0)),
            Endpoint = Endpoint(location, account, credentials),
            AccountKey = KeyOf(location, credentials),
            BlockSize = BlockSize(location),
            CaCertificates = location.CaCertificate.Length > 0 ? location.CaCertificate : Text(location, "caCert"),
            Retry = RetryOptions.ForServers,
        };
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
            location, $"there is no account key: the credentials have no line {variable}=...; it is not fetched by config.resourceGroup and config.subscriptionId, so put the storage account's key there");
    }

    private static string Endpoint(LocationDescription location, string account, AzureCredentials credentials)
    {
        if (Text(location, "storageAccountURI") is { Length: > 0 } uri) return (uri.Contains("://", StringComparison.Ordinal) ? uri : $"https://{uri}").TrimEnd('/');
        var suffix = (credentials[AzureCredentials.CloudName] ?? "").ToUpperInvariant() switch
        {
            "" or "AZUREPUBLICCLOUD" or "AZURECLOUD" => "core.windows.net",
            "AZUREUSGOVERNMENTCLOUD" or "AZUREUSGOVERNMENT" => "core.usgovcloudapi.net",
            "AZURECHINACLOUD" => "core.chinacloudapi.cn",
            _ => throw Refused(location, $"{AzureCredentials.CloudName} \"{credentials[AzureCredentials.CloudName]}\" is not known: use AzurePublicCloud, AzureUSGovernmentCloud or AzureChinaCloud, or give config.storageAccountURI"),
        };
        return $"https://{account}.blob.{suffix}";
    }

    private static int BlockSize(LocationDescription location) => Text(location, "blockSizeInBytes") switch
    {
        "" => AzureStoreOptions.DefaultBlockSize,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) => size,
        var text => throw Refused(location, $"config.blockSizeInBytes is \"{text}\" instead of a number of bytes"),
    };

    private static LocationException Refused(LocationDescription location, string why) => new($"location {location.Name}: {why}");
}
