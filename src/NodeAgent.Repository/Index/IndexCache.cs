using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Where a client keeps the base of a repository's index: one file in a directory of the repository's own. Any number of processes share it: a file is
/// written under another name, and takes the place of the one before in one step. Who has that one open goes on with it.
/// </summary>
internal sealed class IndexCache
{
    public const string TemporaryPrefix = ".nodeagent-index-";
    private const string FileName = "index-1";
    private static readonly TimeSpan Stale = TimeSpan.FromDays(1);

    private readonly string? _directory;
    private readonly byte[] _key;
    private readonly byte[] _repositoryId;
    private readonly TimeProvider _time;

    /// <param name="directory">Holds the directories of all repositories; null for none.</param>
    /// <param name="keys">Only what is derived from them is kept.</param>
    /// <param name="repositoryId">Names the directory.</param>
    /// <param name="time">The clock.</param>
    public IndexCache(string? directory, RootKeys keys, byte[] repositoryId, TimeProvider time)
    {
        _directory = directory is null ? null : Path.Combine(directory, Convert.ToHexStringLower(repositoryId));
        _key = keys.IndexCacheKey.ToArray();
        _repositoryId = repositoryId;
        _time = time;
    }

    /// <summary><c>nodeagent</c> in XDG_CACHE_HOME, or in .cache of HOME; null when neither is set. A home that is not there is none, and is not made.</summary>
    public static string? DefaultDirectory
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache)) return Path.Combine(cache, "nodeagent");
            return Environment.GetEnvironmentVariable("HOME") is { } home && Path.IsPathRooted(home) && Directory.Exists(home) ? Path.Combine(home, ".cache", "nodeagent") : null;
        }
    }

    /// <summary>The base that is kept; null when there is none. One that is damaged is removed.</summary>
    public IndexBase? TryOpen()
    {
        if (_directory is null) return null;
        var path = Path.Combine(_directory, FileName);
        try
        {
            if (!File.Exists(path)) return null;
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return IndexBase.Open(path, handle, _key, _repositoryId);
        }
        catch (IndexCacheDamagedException)
        {
            Remove();
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Removes the file. Without one, it is made again.</summary>
    public void Remove()
    {
        if (_directory is null) return;
        try
        {
            File.Delete(Path.Combine(_directory, FileName));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A later base takes its place; until then it is refused again.
        }
    }

    /// <summary>Begins a new base: in the cache, else in a temporary file that this process alone has. Null when neither can be written. The caller disposes it.</summary>
    public PendingBase? TryBegin() =>
        TryAtPlaces((directory, isCache) => new PendingBase(directory, isCache ? Path.Combine(directory, FileName) : null, _key, _repositoryId));

    /// <summary>A directory for temporary files as large as the index: that of the cache, else the machine's. Null when neither can be written.</summary>
    public string? FindPlaceForScratch() => TryAtPlaces(static (directory, _) =>
    {
        new TemporaryFile(directory).Dispose();
        return directory;
    });

    private T? TryAtPlaces<T>(Func<string, bool, T> use)
        where T : class
    {
        foreach (var (directory, isCache) in (ReadOnlySpan<(string?, bool)>)[(_directory, true), (Path.GetTempPath(), false)])
        {
            if (directory is null) continue;
            try
            {
                if (isCache)
                {
                    Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                    RemoveStaleFiles(directory);
                }

                return use(directory, isCache);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next place, or memory.
            }
        }

        return null;
    }

    /// <summary>Those of processes that ended while they wrote.</summary>
    private void RemoveStaleFiles(string directory)
    {
        foreach (var path in Directory.EnumerateFiles(directory, TemporaryPrefix + "*"))
        {
            if (_time.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(path) > Stale) File.Delete(path);
        }
    }
}
