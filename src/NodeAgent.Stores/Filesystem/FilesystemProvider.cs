using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Filesystem;

/// <summary>The provider <c>filesystem</c>: a directory that the controller and all agents see under the same path.</summary>
internal sealed class FilesystemProvider : ILocationProvider
{
    /// <summary>What controller and agents have beside the directories that are mounted for locations: other pods' volumes, tokens, keys, the system.</summary>
    private static readonly string[] NoPlaces =
        ["/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/var/lib/kubelet", "/host_pods", "/credentials", "/scratch"];

    public string Name => "filesystem";

    public bool IsRemote => false;

    public IObjectStore OpenRepositoryStore(LocationDescription location) => new DirectoryStore(Path.Combine(DirectoryOf(location), LocationProviders.RepositoryFolder));

    public IBucket OpenBucket(LocationDescription location, string workDirectory, RetryOptions retry) => new DirectoryBucket(DirectoryOf(location), location.Config["path"]);

    public IEnumerable<string> NotesOn(LocationDescription location) => [];

    /// <summary>The absolute directory: the path, then bucket and prefix where given.</summary>
    /// <exception cref="LocationException">The description is incomplete or leaves its path.</exception>
    public static string DirectoryOf(LocationDescription location)
    {
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

        var directory = Path.GetFullPath(Path.Combine([.. parts]));
        var place = directory == "/" ? "/" : Array.Find(NoPlaces, place => directory == place || directory.StartsWith(place + "/", StringComparison.Ordinal));
        if (place is not null)
            throw new LocationException($"location {location.Name}: config.path {path} cannot be a location: {place} is the system's or this program's own, and whoever may write locations would have it read and written; mount a directory of its own");
        return directory;
    }
}
