using System.Text;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Filesystem;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Locations;

/// <summary>The providers that locations can name, and the way from a location's description to its stores.</summary>
public static class LocationProviders
{
    /// <summary>
    /// Where the repository lies below a location's prefix. Velero refuses a location with top-level folders that it
    /// does not know, and <c>plugins</c> is one that it allows, so one prefix serves both.
    /// </summary>
    public const string RepositoryFolder = "plugins/nodeagent";

    /// <summary>
    /// Key of every provider's settings: <c>true</c> compresses and encrypts the files of backups and restores with the keys of the location's
    /// repository.
    /// </summary>
    public const string EncryptMetadata = "encryptMetadata";

    /// <summary>One line for each provider.</summary>
    private static readonly ILocationProvider[] All =
    [
        new FilesystemProvider(),
        new AwsProvider(),
        new AzureProvider(),
    ];

    /// <summary>The names that <see cref="LocationDescription.Provider"/> may have.</summary>
    public static IReadOnlyList<string> Known { get; } = [.. All.Select(provider => provider.Name)];

    /// <summary>Whether a provider is reached over a network, so that credentials and certificates count.</summary>
    public static bool IsRemote(string? provider) => Find(provider ?? "")?.IsRemote == true;

    /// <summary>The absolute directory of a <c>filesystem</c> location: its path, then bucket and prefix where given.</summary>
    /// <exception cref="LocationException">The provider is another, or the description is incomplete or leaves its path.</exception>
    public static string DirectoryOf(LocationDescription location) => ProviderOf(location) is FilesystemProvider
        ? FilesystemProvider.DirectoryOf(location)
        : throw new LocationException($"location {location.Name}: provider {location.Provider} has no directory");

    /// <summary>Opens the store that holds the location's repository. The caller disposes it.</summary>
    /// <exception cref="LocationException">The provider is unknown or the description cannot be used.</exception>
    public static IObjectStore OpenRepositoryStore(LocationDescription location) => ProviderOf(location).OpenRepositoryStore(ForProvider(location));

    /// <summary>Opens the files of backups and restores at a location. The caller disposes it.</summary>
    /// <param name="location">Where.</param>
    /// <param name="workDirectory">For large files while they are read.</param>
    /// <param name="retry">How failures of a remote provider are met.</param>
    /// <exception cref="LocationException">The provider is unknown or the description cannot be used.</exception>
    public static IBucket OpenBucket(LocationDescription location, string workDirectory, RetryOptions retry) => ProviderOf(location).OpenBucket(ForProvider(location), workDirectory, retry);

    /// <summary>What of a location's settings is accepted and not done, a line each.</summary>
    public static IEnumerable<string> NotesOn(LocationDescription location) => ProviderOf(location).NotesOn(ForProvider(location));

    /// <summary>Whether files of backups and restores are to be encrypted there. Those that are there may be of either kind.</summary>
    /// <exception cref="LocationException">The setting is neither true nor false.</exception>
    public static bool EncryptsMetadata(LocationDescription location)
    {
        ArgumentNullException.ThrowIfNull(location);
        return location.Config.GetValueOrDefault(EncryptMetadata) switch
        {
            null or "" or "false" => false,
            "true" => true,
            var text => throw new LocationException($"location {location.Name}: config.{EncryptMetadata} is \"{text}\" instead of \"true\" or \"false\""),
        };
    }

    /// <summary>The text of the certificates in a location's <c>caCert</c>.</summary>
    /// <exception cref="LocationException">It is no base64.</exception>
    public static string DecodeCaCertificate(string location, string? encoded)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(encoded ?? ""));
        }
        catch (FormatException)
        {
            throw new LocationException($"location {location}: objectStorage.caCert is no base64");
        }
    }

    private static ILocationProvider ProviderOf(LocationDescription location)
    {
        ArgumentNullException.ThrowIfNull(location);
        return Find(location.Provider) ?? throw new LocationException($"location {location.Name}: unknown provider \"{location.Provider}\": use one of {string.Join(", ", Known)}");
    }

    /// <summary>Without what is the same for all of them, so that none has to know it.</summary>
    private static LocationDescription ForProvider(LocationDescription location) => !location.Config.ContainsKey(EncryptMetadata)
        ? location
        : location with { Config = location.Config.Where(setting => setting.Key != EncryptMetadata).ToDictionary(StringComparer.Ordinal) };

    /// <summary>A domain before the name, as in <c>velero.io/aws</c>, does not matter.</summary>
    private static ILocationProvider? Find(string provider) => All.FirstOrDefault(known => known.Name == provider[(provider.LastIndexOf('/') + 1)..]);
}
