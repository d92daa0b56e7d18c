using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Buckets;

/// <summary>
/// A directory that controller and agents see under the same path. A file is written beside its name, flushed to the disk and
/// renamed, and then the directory is flushed. A key that would leave the root is refused.
/// </summary>
/// <param name="root">The directory that all keys are below; made when it is missing.</param>
/// <param name="mount">What must be there already and is never made, the root or a directory above it; null for the root's own parent.</param>
/// <param name="flushDirectory">Flushes the names in a directory to the disk; null for the system's way.</param>
public sealed class DirectoryBucket(string root, string? mount = null, Action<string>? flushDirectory = null) : IBucket
{
    // Before the mask of the process.
    private const UnixFileMode DirectoryMode777 = (UnixFileMode)0b111_111_111;

    private readonly Action<string> _flushDirectory = flushDirectory ?? DurableDirectory.Flush;
    private readonly string _mount = mount is not null ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(mount)) : Path.GetDirectoryName(Path.GetFullPath(root)) ?? Path.GetFullPath(root);

    /// <summary>The directory's absolute path.</summary>
    public string Location { get; } = Path.GetFullPath(root);

    /// <inheritdoc/>
    public Task RequireAsync(CancellationToken cancellationToken)
    {
        if (!Directory.Exists(_mount)) throw Unmounted();
        if (Directory.Exists(Location))
        {
            using var entries = Directory.EnumerateFileSystemEntries(Location).GetEnumerator();
            entries.MoveNext();
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ProveWritableAsync(CancellationToken cancellationToken)
    {
        EnsureDirectory(Location);
        var probe = Path.Combine(Location, $".write-check-{Guid.NewGuid():N}.tmp");
        try
        {
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
            }
        }
        catch (DirectoryNotFoundException) when (!Directory.Exists(_mount))
        {
            throw Unmounted();
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    /// <remarks>What a file system has of its own does not count.</remarks>
    public Task<bool> HoldsNothingAsync(CancellationToken cancellationToken) =>
        Task.FromResult(!Directory.Exists(Location) || !Directory.EnumerateFileSystemEntries(Location).Select(p => Path.GetFileName(p)).Any(n => !n.StartsWith('.') && n != "lost+found"));

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken)
    {
        var directory = Resolve(prefix);
        IReadOnlyList<string> found = Directory.Exists(directory) ? [.. Directory.EnumerateDirectories(directory).Where(p => new FileInfo(p).LinkTarget is null).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)] : [];
        return Task.FromResult(found);
    }

    /// <inheritdoc/>
    public Task<bool> ExistsAsync(string key, CancellationToken cancellationToken) => Task.FromResult(File.Exists(Resolve(key)));

    /// <inheritdoc/>
    public async Task<Stream?> OpenAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileStream(Resolve(key), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (file.Length <= maxLength) return file;
            await file.DisposeAsync();
            throw new InvalidDataException($"{key} in {Location} is longer than such a file can be ({maxLength} bytes)");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task<byte[]?> ReadStartAsync(string key, int count, CancellationToken cancellationToken)
    {
        await using var file = await OpenAsync(key, long.MaxValue, cancellationToken);
        if (file is null) return null;
        var start = new byte[count];
        return start[..await file.ReadAtLeastAsync(start, count, throwOnEndOfStream: false, cancellationToken)];
    }

    /// <inheritdoc/>
    public Task PutAsync(string key, Stream content, CancellationToken cancellationToken) => WriteAsync(Resolve(key), content, replaces: true, cancellationToken);

    /// <inheritdoc/>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        using var stream = new MemoryStream(content.ToArray(), writable: false);
        await PutAsync(key, stream, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var target = Resolve(key);
        if (File.Exists(target)) return false;
        using var stream = new MemoryStream(content.ToArray(), writable: false);
        try
        {
            await WriteAsync(target, stream, replaces: false, cancellationToken);
            return true;
        }
        catch (IOException) when (File.Exists(target))
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken)
    {
        var path = Resolve(key);
        if (File.Exists(path)) File.Delete(path);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task DeleteFolderAsync(string prefix, CancellationToken cancellationToken)
    {
        var directory = Resolve(prefix);
        if (directory == Location) throw new ArgumentException("the root of a location is never deleted", nameof(prefix));
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    /// <remarks>A directory cannot sign addresses: this one is of use to whoever has it mounted at the same path.</remarks>
    public Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken) => Task.FromResult(new Uri("file://" + Resolve(key)));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private LocationException Unmounted() => new($"directory {_mount} does not exist or is not mounted in the controller's pod");

    private async Task WriteAsync(string target, Stream content, bool replaces, CancellationToken cancellationToken)
    {
        var directory = Path.GetDirectoryName(target)!;
        EnsureDirectory(directory);
        var temporary = Path.Combine(directory, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await content.CopyToAsync(file, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            if (replaces) File.Move(temporary, target, overwrite: true);
            else DurableDirectory.Link(temporary, target);
            _flushDirectory(directory);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private void EnsureDirectory(string directory)
    {
        var missing = new Stack<string>();
        for (var path = directory; !Directory.Exists(path); path = Path.GetDirectoryName(path)!)
        {
            // Made anew, a place that was unmounted would take what belongs into it, and look like one that holds nothing.
            if (path.Length <= _mount.Length) throw Unmounted();
            missing.Push(path);
        }

        foreach (var path in missing)
        {
            DurableDirectory.Make(path, DirectoryMode777);
            // The new directory's name must outlive a crash as well as what is put into it.
            _flushDirectory(Path.GetDirectoryName(path)!);
        }
    }

    private string Resolve(string key)
    {
        var path = Path.GetFullPath(Path.Combine(Location, key));
        var inside = path == Location || path.StartsWith(Location.TrimEnd('/') + "/", StringComparison.Ordinal);
        if (!inside) throw new ArgumentException($"the key \"{key}\" leaves the location {Location}", nameof(key));
        // A link would lead to this pod's own files, a token say, that whoever can write the directory has not.
        for (var at = path; at.Length > Location.Length; at = Path.GetDirectoryName(at)!)
        {
            if (new FileInfo(at).LinkTarget is not null) throw new IOException($"{at} is a link, and links are not followed in a location: put the files themselves there");
        }

        return path;
    }
}
