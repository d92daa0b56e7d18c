using NodeAgent.Repository.Stores;

namespace NodeAgent.Controller.Storage;

/// <summary>
/// The files of backups and restores below a location's root. A file is complete or absent: it is written beside its name,
/// flushed to the disk and renamed, and then the directory is flushed. Unlike repository objects these may be replaced, as a backup's metadata is when it ends.
/// Keys are relative, with slashes; one that would leave the root is refused.
/// </summary>
/// <param name="root">The directory that all keys are below.</param>
/// <param name="flushDirectory">Flushes the names in a directory to the disk; null for the system's way.</param>
internal sealed class LocationBucket(string root, Action<string>? flushDirectory = null)
{
    private readonly Action<string> _flushDirectory = flushDirectory ?? DurableDirectory.Flush;

    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>
    /// True when the root is not there or empty but for what a file system has of its own. A location where backups were stored
    /// never looks like this; the directory that it was mounted on does.
    /// </summary>
    public bool HoldsNothing() =>
        !Directory.Exists(Root) || !Directory.EnumerateFileSystemEntries(Root).Select(p => Path.GetFileName(p)).Any(n => !n.StartsWith('.') && n != "lost+found");

    /// <summary>Names of the folders and files directly below a key; empty when there is nothing.</summary>
    public IReadOnlyList<string> List(string prefix)
    {
        var directory = Resolve(prefix);
        if (!Directory.Exists(directory)) return [];
        return [.. Directory.EnumerateFileSystemEntries(directory).Select(p => Path.GetFileName(p)).Where(n => !IsTemporary(n)).Order(StringComparer.Ordinal)];
    }

    public bool Exists(string key) => File.Exists(Resolve(key));

    public string FileOf(string key) => Resolve(key);

    /// <summary>Opens a file; null when it does not exist. The caller disposes it.</summary>
    public Stream? Open(string key)
    {
        try
        {
            return new FileStream(Resolve(key), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Writes a file whole, replacing what was there. A crash leaves the old file or the new one, and after this has returned the new one.</summary>
    public async Task PutAsync(string key, Stream content, CancellationToken cancellation)
    {
        var target = Resolve(key);
        var directory = Path.GetDirectoryName(target)!;
        EnsureDirectory(directory);
        var temporary = Path.Combine(directory, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await content.CopyToAsync(file, cancellation);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
            _flushDirectory(directory);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        using var stream = new MemoryStream(content.ToArray(), writable: false);
        await PutAsync(key, stream, cancellation);
    }

    /// <summary>Deletes a file; one that is not there counts as deleted.</summary>
    public void Delete(string key)
    {
        var path = Resolve(key);
        if (File.Exists(path)) File.Delete(path);
    }

    /// <summary>Deletes a folder with all that is in it; one that is not there counts as deleted.</summary>
    public void DeleteFolder(string prefix)
    {
        var directory = Resolve(prefix);
        if (directory == Root) throw new ArgumentException("the root of a location is never deleted", nameof(prefix));
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    private static bool IsTemporary(string name) => name.StartsWith('.') && name.EndsWith(".tmp", StringComparison.Ordinal);

    private void EnsureDirectory(string directory)
    {
        var missing = new Stack<string>();
        for (var path = directory; !Directory.Exists(path); path = Path.GetDirectoryName(path)!) missing.Push(path);
        foreach (var path in missing)
        {
            Directory.CreateDirectory(path);
            // The new directory's name must outlive a crash as well as what is put into it.
            _flushDirectory(Path.GetDirectoryName(path)!);
        }
    }

    private string Resolve(string key)
    {
        var path = Path.GetFullPath(Path.Combine(Root, key));
        var inside = path == Root || path.StartsWith(Root.TrimEnd('/') + "/", StringComparison.Ordinal);
        return inside ? path : throw new ArgumentException($"the key \"{key}\" leaves the location {Root}", nameof(key));
    }
}
