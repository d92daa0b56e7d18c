using System.Text;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Locations;

/// <summary>Turns a location's description into stores. A provider is one case here.</summary>
public static class LocationProviders
{
    /// <summary>
    /// Where the repository lies below a location's prefix. Velero refuses a location with top-level folders that it
    /// does not know, and <c>plugins</c> is one that it allows, so one prefix serves both.
    /// </summary>
    public const string RepositoryFolder = "plugins/nodeagent";

    private const string Filesystem = "filesystem";
    private const string Aws = "aws";

    /// <summary>The names that <see cref="LocationDescription.Provider"/> may have.</summary>
    public static IReadOnlyList<string> Known { get; } = [Filesystem, Aws];

    /// <summary>Whether a provider is reached over a network, so that credentials and certificates count.</summary>
    public static bool IsRemote(string? provider) => NameOf(provider ?? "") == Aws;

    /// <summary>The absolute directory of a <c>filesystem</c> location: its path, then bucket and prefix where given.</summary>
    /// <exception cref="LocationException">The provider is another, or the description is incomplete or leaves its path.</exception>
    public static string DirectoryOf(LocationDescription location)
    {
        if (ProviderOf(location) != Filesystem) throw new LocationException($"location {location.Name}: provider {location.Provider} has no directory");
        if (!location.Config.TryGetValue("path", out var path) || path.Length == 0)
            throw new LocationException($"location {location.Name}: provider filesystem needs config.path, the absolute path of a directory");
        if (!Path.IsPathRooted(path))
            throw new LocationException($"location {location.Name}: config.path \"{path}\" is not absolute");
        var parts = new List<string> { path };
        if (location.Bucket.Contains('/', StringComparison.Ordinal)) throw new LocationException($"location {location.Name}: bucket \"{location.Bucket}\" holds a slash: put folders into spec.objectStorage.prefix");
        foreach (var part in $"{location.Bucket}/{location.Prefix}".Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part is "." or ".." || part.Contains('\0', StringComparison.Ordinal))
                throw new LocationException($"location {location.Name}: bucket and prefix must not hold \"{part}\"");
            parts.Add(part);
        }

        return Path.GetFullPath(Path.Combine([.. parts]));
    }

    /// <summary>Opens the store that holds the location's repository. The caller disposes it.</summary>
    /// <exception cref="LocationException">The provider is unknown or the description cannot be used.</exception>
    public static IObjectStore OpenRepositoryStore(LocationDescription location) => ProviderOf(location) switch
    {
        Aws => new S3Store(AwsLocation.OptionsOf(location, RepositoryFolder)),
        _ => new DirectoryStore(Path.Combine(DirectoryOf(location), RepositoryFolder)),
    };

    /// <summary>Opens the files of backups and restores at a location. The caller disposes it.</summary>
    /// <param name="location">Where.</param>
    /// <param name="workDirectory">For large files while they are read.</param>
    /// <param name="retry">How failures of a remote provider are met.</param>
    /// <exception cref="LocationException">The provider is unknown or the description cannot be used.</exception>
    public static IBucket OpenBucket(LocationDescription location, string workDirectory, S3RetryOptions retry) => ProviderOf(location) switch
    {
        Aws => new S3Bucket(AwsLocation.OptionsOf(location, "") with { Retry = retry }, workDirectory),
        _ => new DirectoryBucket(DirectoryOf(location), location.Config["path"]),
    };

    /// <summary>What of a location's settings is accepted and not done, a line each.</summary>
    public static IEnumerable<string> NotesOn(LocationDescription location) => ProviderOf(location) == Aws ? AwsLocation.NotesOn(location) : [];

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

    private static string ProviderOf(LocationDescription location)
    {
        ArgumentNullException.ThrowIfNull(location);
        var provider = NameOf(location.Provider);
        return Known.Contains(provider, StringComparer.Ordinal)
            ? provider
            : throw new LocationException($"location {location.Name}: unknown provider \"{location.Provider}\": use one of {string.Join(", ", Known)}");
    }

    private static string NameOf(string provider) => provider[(provider.LastIndexOf('/') + 1)..];
}
