using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>
/// Objects as files below a directory. A put writes a temporary file beside the final name, flushes it, links it to the
/// name (which fails when the name is taken, so that two writers cannot both win), and flushes the directory.
/// </summary>
/// <remarks>
/// After a crash a temporary file may be left; listings pass over it, and a later opening removes those older than a
/// day: a put that is still under way is younger.
/// </remarks>
public sealed class DirectoryStore : IObjectStore
{
    private const string TemporaryPrefix = ".nodeagent-tmp-";
    private const UnixFileMode FileMode600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode DirectoryMode700 = FileMode600 | UnixFileMode.UserExecute;
    private const string FenceName = ".nodeagent-fence";
    private static readonly TimeSpan FencePatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StaleAfter = TimeSpan.FromDays(1);

    private readonly string _root;
    private readonly ConcurrentDictionary<string, bool> _directories = new();
    private volatile bool _rootSeen;

    /// <param name="root">The directory; made, with its parents, by the first put.</param>
    public DirectoryStore(string root)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        _root = Path.GetFullPath(root);
    }

    /// <inheritdoc/>
    public string Location => _root;

    /// <inheritdoc/>
    public bool HasExclusiveFences => true;

    /// <inheritdoc/>
    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var temporary = Path.Combine(_root, TemporaryPrefix + Guid.NewGuid().ToString("N"));
        try
        {
            EnsureDirectory(_root, "");
            // A file server stamps files by its own clock.
            using (File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                return ValueTask.FromResult(new DateTimeOffset(File.GetLastWriteTimeUtc(temporary)));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("asking for the time", "", exception);
        }
        finally
        {
            TryDelete(temporary);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        try
        {
            EnsureDirectory(_root, FenceName);
            var held = await FileLock.TryAcquireAsync(Path.Combine(_root, FenceName), mode, FencePatience, cancellationToken);
            if (held is not null) return new HeldFence(this, held);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("locking", FenceName, exception);
        }

        throw new StoreException(
            StoreFailure.Transient, "locking", Describe(FenceName), $"another process has held it for {FencePatience.TotalSeconds:0} s",
            "a run that publishes or collects was stopped in the middle (kill -STOP, a frozen machine): let it go on or end it");
    }

    /// <inheritdoc/>
    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(key);
        var directory = Path.GetDirectoryName(path)!;
        try
        {
            if (File.Exists(path)) return ValueTask.FromResult(PutOutcome.AlreadyExists);
            EnsureDirectory(directory, key);
            var temporary = Path.Combine(directory, TemporaryPrefix + Guid.NewGuid().ToString("N"));
            try
            {
                // Without a size to allocate: the framework's error for that does not say why it failed.
                using (var handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
                {
                    File.SetUnixFileMode(handle, FileMode600);
                    if (body.Length < DirectFile.ShortestWorthwhile || !DirectFile.TryWrite(handle, body.Span)) RandomAccess.Write(handle, body.Span, 0);
                    RandomAccess.FlushToDisk(handle);
                }

                if (LibC.Link(temporary, path) != 0)
                {
                    var error = Marshal.GetLastPInvokeError();
                    if (error == LibC.Exists) return ValueTask.FromResult(PutOutcome.AlreadyExists);
                    throw Failed("writing", key, error);
                }
            }
            finally
            {
                // A failure to remove it leaves a file that listings pass over; it must not hide why the put failed.
                TryDelete(temporary);
            }

            FlushDirectory(directory, key);
            _rootSeen = true;
            return ValueTask.FromResult(PutOutcome.Created);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("writing", key, exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            using var handle = File.OpenHandle(PathOf(key));
            for (var done = DirectFile.Read(handle, destination.Span, offset); done < destination.Length;)
            {
                var read = RandomAccess.Read(handle, destination.Span[done..], offset + done);
                if (read == 0)
                    throw new StoreException(StoreFailure.Other, "reading", Describe(key), $"it ends before byte {offset + destination.Length}", "the object is truncated: run \"nodeagent repo check\"");
                done += read;
            }

            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("reading", key, exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            using var handle = File.OpenHandle(PathOf(key));
            var length = RandomAccess.GetLength(handle);
            if (length > maxLength)
                throw new StoreException(StoreFailure.Other, "reading", Describe(key), $"it has {length} bytes, more than the {maxLength} that such an object can have");
            _rootSeen = true;
            var content = new byte[length];
            for (var done = 0; done < content.Length;)
            {
                var read = RandomAccess.Read(handle, content.AsSpan(done), done);
                if (read == 0) throw new StoreException(StoreFailure.Other, "reading", Describe(key), "it became shorter while it was read");
                done += read;
            }

            return ValueTask.FromResult(content);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("reading", key, exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var file = new FileInfo(PathOf(key));
        try
        {
            return ValueTask.FromResult<StoreEntry?>(file.Exists ? new StoreEntry(key, file.Length, file.LastWriteTimeUtc) : null);
        }
        catch (FileNotFoundException)
        {
            return ValueTask.FromResult<StoreEntry?>(null); // deleted meanwhile
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("looking for", key, exception);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await ValueTask.CompletedTask;
        StoreKey.RequirePrefix(prefix);
        if (Enumerate(prefix) is not { } files) yield break;
        using (files)
        {
            while (Next(files, prefix))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var file = files.Current;
                if (file.Name.StartsWith(TemporaryPrefix, StringComparison.Ordinal) || file.Name == FenceName) continue;
                var key = Path.GetRelativePath(_root, file.FullName);
                // What a file manager or a synchronizer left ("x (copy)"): no method would take such a name.
                if (!StoreKey.IsValid(key)) continue;
                StoreEntry entry;
                try
                {
                    entry = new StoreEntry(key, file.Length, file.LastWriteTimeUtc);
                }
                catch (FileNotFoundException)
                {
                    continue; // deleted while it was listed
                }

                yield return entry;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = PathOf(key);
        try
        {
            if (!File.Exists(path)) return ValueTask.FromResult(false);
            File.Delete(path);
            FlushDirectory(Path.GetDirectoryName(path)!, key);
            return ValueTask.FromResult(true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("deleting", key, exception);
        }
    }

    /// <summary>Removes temporary files that a crash left more than a day ago.</summary>
    /// <returns>How many were removed.</returns>
    public int RemoveStaleTemporaryFiles(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        var removed = 0;
        var before = time.GetUtcNow() - StaleAfter;
        try
        {
            foreach (var file in new DirectoryInfo(_root).EnumerateFiles(TemporaryPrefix + "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
            {
                if (file.LastWriteTimeUtc < before && TryDelete(file.FullName)) removed++;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A directory that goes away meanwhile is no reason not to open the repository; the next opening tidies up.
        }

        return removed;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private IEnumerator<FileInfo>? Enumerate(string prefix)
    {
        var directory = prefix.Length == 0 ? _root : PathOf(prefix[..^1]);
        try
        {
            return new DirectoryInfo(directory)
                .EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false })
                .GetEnumerator();
        }
        catch (DirectoryNotFoundException)
        {
            if (_rootSeen && !Directory.Exists(_root)) throw Gone("listing", prefix);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("listing", prefix, exception);
        }
    }

    private bool Next(IEnumerator<FileInfo> files, string prefix)
    {
        try
        {
            return files.MoveNext();
        }
        catch (DirectoryNotFoundException)
        {
            return false; // removed while it was listed
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed("listing", prefix, exception);
        }
    }

    private void EnsureDirectory(string directory, string key)
    {
        if (_directories.ContainsKey(directory) && Directory.Exists(directory)) return;
        // A repository that was there and is not is unmounted: a new one beside it would take the data in its place.
        if (_rootSeen && !Directory.Exists(_root)) throw Gone("writing", key);
        var made = new Stack<string>();
        for (var missing = directory; !Directory.Exists(missing); missing = Path.GetDirectoryName(missing)!)
        {
            if (_rootSeen && missing == _root) throw Gone("writing", key);
            made.Push(missing);
        }

        foreach (var path in made)
        {
            DurableDirectory.Make(path, DirectoryMode700);
            // The new directory's name must outlive a crash as well as what is put into it.
            FlushDirectory(Path.GetDirectoryName(path)!, path);
        }

        // One that was there may have been made just now, by a process that has not flushed its name yet or has died before it could.
        for (var path = directory; path.Length > _root.Length && !_directories.ContainsKey(path); path = Path.GetDirectoryName(path)!)
        {
            if (!made.Contains(path)) FlushDirectory(Path.GetDirectoryName(path)!, path);
            _directories.TryAdd(path, true);
        }

        _directories.TryAdd(directory, true);
    }

    private void FlushDirectory(string directory, string key)
    {
        if (DurableDirectory.TryFlush(directory) is var error and not 0) throw Failed("flushing the directory of", key, error);
    }

    private static bool TryDelete(string path)
    {
        try
        {
            File.Delete(path);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string PathOf(string key)
    {
        StoreKey.Require(key);
        return Path.Combine(_root, key);
    }

    private StoreException Gone(string operation, string key) =>
        new(StoreFailure.NotFound, operation, Describe(key), "the repository's directory is no longer there", "was it removed or unmounted?");

    private string Describe(string key) => key.Length == 0 ? _root : $"{key} in {_root}";

    private StoreException Failed(string operation, string key, int error) =>
        Failed(operation, key, error, Marshal.GetPInvokeErrorMessage(error), null);

    private StoreException Failed(string operation, string key, Exception exception) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => Failed(operation, key, LibC.NotFound, "it is not there", exception),
        UnauthorizedAccessException => Failed(operation, key, LibC.AccessDenied, "permission denied", exception),
        // On Unix the low bits of HResult hold the errno that the framework did not map to a type of its own.
        _ => Failed(operation, key, exception.HResult is > 0 and < 4096 ? exception.HResult : 0, exception.Message, exception),
    };

    private StoreException Failed(string operation, string key, int error, string why, Exception? cause) => error switch
    {
        LibC.NoSpace or LibC.QuotaExceeded => new StoreException(StoreFailure.DiskFull, operation, Describe(key), "no space is left", "free some space or move the repository; what was published before is safe", cause),
        LibC.AccessDenied or LibC.NotPermitted => new StoreException(StoreFailure.PermissionDenied, operation, Describe(key), "permission denied", "check the owner and the mode of the directory", cause),
        LibC.ReadOnlyFileSystem => new StoreException(StoreFailure.PermissionDenied, operation, Describe(key), "the file system is read-only", "remount it writable", cause),
        LibC.NotFound => new StoreException(StoreFailure.NotFound, operation, Describe(key), "it is not there", null, cause),
        _ => new StoreException(StoreFailure.Other, operation, Describe(key), why, null, cause),
    };
}
