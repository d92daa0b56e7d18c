using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Locations;

/// <summary>Turns a location's description into stores. A provider is one case here.</summary>
public static class LocationProviders
{
    /// <summary>
    /// Where the repository lies below a location's prefix. Velero refuses a location with top-level folders that it
    /// does not know, and <c>plugins</c> is one that it allows, so one prefix serves both.
    /// </summary>
    public const string RepositoryFolder = "plugins/nodeagent";

    /// <summary>The names that <see cref="LocationDescription.Provider"/> may have.</summary>
    public static IReadOnlyList<string> Known { get; } = ["filesystem"];

    /// <summary>The absolute directory of a <c>filesystem</c> location: its path, then bucket and prefix where given.</summary>
    /// <exception cref="LocationException">The provider is another, or the description is incomplete or leaves its path.</exception>
    public static string DirectoryOf(LocationDescription location)
    {
        RequireKnown(location);
        if (!location.Config.TryGetValue("path", out var path) || path.Length == 0)
            throw new LocationException($"location {location.Name}: provider filesystem needs config.path, the absolute path of a directory");
        if (!Path.IsPathRooted(path))
            throw new LocationException($"location {location.Name}: config.path \"{path}\" is not absolute");
        var parts = new List<string> { path };
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
    public static IObjectStore OpenRepositoryStore(LocationDescription location) =>
        new DirectoryStore(Path.Combine(DirectoryOf(location), RepositoryFolder));

    private static void RequireKnown(LocationDescription location)
    {
        var slash = location.Provider.LastIndexOf('/');
        var provider = slash < 0 ? location.Provider : location.Provider[(slash + 1)..];
        if (!Known.Contains(provider, StringComparer.Ordinal))
            throw new LocationException($"location {location.Name}: unknown provider \"{location.Provider}\": use one of {string.Join(", ", Known)}");
    }
}
