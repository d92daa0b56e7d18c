using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Makes a tree below an open directory. The tree may be hostile: every name is one checked component, everything is
/// relative to a handle of a directory that this run opened without following links, and a file gets its final name only
/// when it is complete.
/// </summary>
internal sealed class TreeRestore(RestoreRequest request, TreeReader tree, ContentWriter contents, WorkerPool workers, IssueList issues)
{
    private const string TemporaryPrefix = ".nodeagent-restore-";

    private readonly ExcludeRules _includes = new(request.Includes);
    private readonly ExcludeRules _excludes = new(request.Excludes);
    private readonly MetadataWriter _metadata = new(issues);
    private readonly ConcurrentDictionary<(ulong Device, ulong Inode), Task<LinkSource?>> _links = new();
    private readonly List<(RestoredDirectory Directory, TreeEntry Entry, byte[] Path, Task<LinkSource?> Source)> _laterLinks = [];
    private long _files;
    private long _directories;
    private long _others;
    private long _bytes;
    private long _skipped;
    private Exception? _fatal;

    /// <summary>A file that this run made and to which further names can be given.</summary>
    private sealed record LinkSource(byte[] Path, ulong Device, ulong Inode);

    public long FilesDone => Interlocked.Read(ref _files);

    public RestoreResult Result => new(_files, _directories, _others, _bytes, _skipped, issues.Issues, issues.Count);

    /// <summary>Restores a directory's content into an open directory, and the directory's own metadata.</summary>
    public async Task RestoreAsync(DirectoryHandle target, TreeEntry root, CancellationToken cancellationToken)
    {
        var top = new RestoredDirectory(null, root, [], _ => Files.TryOpen(target, "."u8, OpenFlags.Directory, 0, out var error) ?? throw new FileSystemException("open", error), Complete);
        _ = top.Handle;
        var open = new Stack<(RestoredDirectory Directory, IAsyncEnumerator<TreeEntry> Entries, bool Included)>();
        open.Push((top, tree.ReadDirectoryAsync(root, cancellationToken).GetAsyncEnumerator(cancellationToken), request.Includes.Count == 0));
        try
        {
            while (open.TryPeek(out var frame))
            {
                if (_fatal is { } fatal) throw Rethrowable(fatal);
                cancellationToken.ThrowIfCancellationRequested();
                if (!await NextAsync(frame.Entries, frame.Directory))
                {
                    open.Pop();
                    await frame.Entries.DisposeAsync();
                    // Names for files that are still being written come last; then the directory can be completed.
                    frame.Directory.Release();
                    continue;
                }

                var entry = frame.Entries.Current;
                if (TreeLimits.CheckName(entry.Name.Span) is { } wrong)
                {
                    issues.Add(frame.Directory.Path, "restore", $"an entry is refused: {wrong}");
                    continue;
                }

                byte[] path = frame.Directory.Path.Length == 0 ? entry.Name.ToArray() : [.. frame.Directory.Path, (byte)'/', .. entry.Name.Span];
                if (_excludes.Matches(path, entry.Name.Span)) continue;
                var included = frame.Included || _includes.Matches(path, entry.Name.Span);
                if (entry.Type == TreeEntryType.Directory)
                {
                    frame.Directory.Hold();
                    var directory = new RestoredDirectory(frame.Directory, entry, path, Make, Complete);
                    if (included && !TryMake(directory))
                    {
                        directory.Release();
                        continue;
                    }

                    open.Push((directory, tree.ReadDirectoryAsync(entry, cancellationToken).GetAsyncEnumerator(cancellationToken), included));
                }
                else if (included)
                {
                    Schedule(frame.Directory, entry, path, cancellationToken);
                    await workers.ThrottleAsync();
                }
            }

            await workers.DrainAsync();
            foreach (var (directory, entry, path, source) in _laterLinks) await LinkAsync(target, directory, entry, path, source);
            if (_fatal is { } late) throw Rethrowable(late);
        }
        finally
        {
            await workers.DrainAsync();
            while (open.TryPop(out var frame)) await frame.Entries.DisposeAsync();
        }
    }

    /// <summary>Restores one file or link into an open directory.</summary>
    public async Task RestoreSingleAsync(DirectoryHandle target, TreeEntry entry, CancellationToken cancellationToken)
    {
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ed };
        var top = new RestoredDirectory(null, carrier, [], _ => Files.TryOpen(target, "."u8, OpenFlags.Directory, 0, out var error) ?? throw new FileSystemException("open", error), _ => { });
        Schedule(top, entry, entry.Name.ToArray(), cancellationToken);
        await workers.DrainAsync();
        top.Release();
        if (_fatal is { } fatal) throw Rethrowable(fatal);
    }

    /// <summary>The next entry; a directory whose pages are damaged is reported and ends there, the rest is restored.</summary>
    private async ValueTask<bool> NextAsync(IAsyncEnumerator<TreeEntry> entries, RestoredDirectory directory)
    {
        try
        {
            return await entries.MoveNextAsync();
        }
        catch (RepositoryException exception) when (exception is not StoreException { Failure: StoreFailure.PermissionDenied })
        {
            issues.Add(directory.Path, "read directory", exception.Message);
            return false;
        }
    }

    private bool TryMake(RestoredDirectory directory)
    {
        try
        {
            _ = directory.Handle;
            return true;
        }
        catch (FileSystemException failure)
        {
            Report(directory.Path, failure);
            return false;
        }
    }

    private DirectoryHandle Make(RestoredDirectory directory)
    {
        var parent = directory.Parent!.Handle;
        var name = directory.Entry.Name.Span;
        try
        {
            // Nobody else looks into it before it has its own mode.
            Files.MakeDirectory(parent, name, 0x1c0);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.Exists)
        {
            if (Files.Status(parent, name).Type != TreeEntryType.Directory)
            {
                if (request.Overwrite != OverwritePolicy.Always) throw;
                Files.Remove(parent, name);
                Files.MakeDirectory(parent, name, 0x1c0);
            }
        }

        return Files.Open(parent, name, OpenFlags.Directory);
    }

    private void Complete(RestoredDirectory directory)
    {
        try
        {
            _metadata.Apply(directory.Handle, directory.Entry, directory.Path);
            _metadata.ApplyFlags(directory.Handle, directory.Entry, directory.Path);
            Interlocked.Increment(ref _directories);
        }
        catch (FileSystemException failure)
        {
            Report(directory.Path, failure);
        }
    }

    private void Schedule(RestoredDirectory directory, TreeEntry entry, byte[] path, CancellationToken cancellationToken)
    {
        TaskCompletionSource<LinkSource?>? link = null;
        if (entry.HardLinkDevice is { } device)
        {
            link = new TaskCompletionSource<LinkSource?>(TaskCreationOptions.RunContinuationsAsynchronously);
            var first = _links.GetOrAdd((device, entry.Inode), link.Task);
            if (first != link.Task)
            {
                directory.Hold();
                _laterLinks.Add((directory, entry, path, first));
                return;
            }
        }

        directory.Hold();
        _ = workers.Run(async () =>
        {
            LinkSource? made = null;
            try
            {
                if (_fatal is null) made = await RestoreEntryAsync(directory, entry, path, link is not null, cancellationToken);
            }
            catch (FileSystemException failure)
            {
                Report(path, failure);
            }
            catch (RepositoryException exception)
            {
                issues.Add(path, "restore", exception.Message);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref _fatal, exception, null);
            }
            finally
            {
                link?.TrySetResult(made);
                directory.Release();
            }
        });
    }

    private async Task<LinkSource?> RestoreEntryAsync(RestoredDirectory directory, TreeEntry entry, byte[] path, bool isLinked, CancellationToken cancellationToken)
    {
        var parent = directory.Handle;
        if (!MayWrite(parent, entry, path)) return null;
        if (entry.UnreadableContent)
        {
            issues.Add(path, "restore", "its content could not be read when it was backed up");
            return null;
        }

        var temporary = Encoding.ASCII.GetBytes(TemporaryPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
        try
        {
            FileStatus made;
            if (entry.Type == TreeEntryType.RegularFile)
            {
                using var file = Files.Open(parent, temporary, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180);
                await contents.WriteAsync(file, entry, cancellationToken);
                _metadata.Apply(file, entry, path);
                made = isLinked ? Files.Status(file, []) : default;
                Files.Rename(parent, temporary, entry.Name.Span);
                _metadata.ApplyFlags(file, entry, path);
                Interlocked.Increment(ref _files);
                Interlocked.Add(ref _bytes, entry.Size);
            }
            else
            {
                if (!MakeOther(parent, temporary, entry, path)) return null;
                _metadata.Apply(parent, temporary, entry, path);
                made = isLinked ? Files.Status(parent, temporary) : default;
                Files.Rename(parent, temporary, entry.Name.Span);
                Interlocked.Increment(ref _others);
            }

            return isLinked ? new LinkSource(path, made.Device, made.Inode) : null;
        }
        catch
        {
            RemoveTemporary(parent, temporary);
            throw;
        }
    }

    private bool MakeOther(DirectoryHandle parent, byte[] temporary, TreeEntry entry, byte[] path)
    {
        switch (entry.Type)
        {
            case TreeEntryType.SymbolicLink:
                Files.MakeSymlink(entry.LinkTarget.Span, parent, temporary);
                return true;
            case TreeEntryType.Fifo:
                Files.MakeNode(parent, temporary, 0x1000 | 0x180, 0, 0);
                return true;
            case TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice when request.DeviceNodes:
                Files.MakeNode(parent, temporary, (entry.Type == TreeEntryType.CharacterDevice ? 0x2000u : 0x6000u) | 0x180, entry.DeviceMajor, entry.DeviceMinor);
                return true;
            case TreeEntryType.Socket:
                return false; // a socket lives only while a program listens on it
            default:
                issues.Add(path, "restore", "device nodes are not wanted here");
                return false;
        }
    }

    private bool MayWrite(DirectoryHandle parent, TreeEntry entry, byte[] path)
    {
        if (request.Overwrite == OverwritePolicy.Always) return true;
        try
        {
            Files.Status(parent, entry.Name.Span);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            return true;
        }

        Interlocked.Increment(ref _skipped);
        if (request.Overwrite == OverwritePolicy.Fail) issues.Add(path, "restore", "it is there already and was left as it is");
        return false;
    }

    private async Task LinkAsync(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, byte[] path, Task<LinkSource?> sourceTask)
    {
        try
        {
            var parent = directory.Handle;
            if (!MayWrite(parent, entry, path)) return;
            if (await sourceTask is not { } source)
            {
                issues.Add(path, "link", "the file that it is another name of was not restored");
                return;
            }

            using var file = OpenMade(target, source);
            var temporary = Encoding.ASCII.GetBytes(TemporaryPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
            Files.Link(file, parent, temporary);
            try
            {
                Files.Rename(parent, temporary, entry.Name.Span);
            }
            finally
            {
                // renaming one name of a file over another of its names does nothing and leaves both
                RemoveTemporary(parent, temporary);
            }

            if (entry.Type == TreeEntryType.RegularFile) Interlocked.Increment(ref _files);
            else Interlocked.Increment(ref _others);
        }
        catch (FileSystemException failure)
        {
            Report(path, failure);
        }
        finally
        {
            directory.Release();
        }
    }

    /// <summary>Opens a file that this run made, and makes sure that it is that file and nothing put in its place.</summary>
    private static DirectoryHandle OpenMade(DirectoryHandle target, LinkSource source)
    {
        var parts = Encoding.Latin1.GetString(source.Path).Split('/').Select(Encoding.Latin1.GetBytes).ToList();
        var at = Files.Open(target, "."u8, OpenFlags.Directory);
        for (var i = 0; i < parts.Count; i++)
        {
            var next = Files.TryOpen(at, parts[i], i == parts.Count - 1 ? OpenFlags.PathOnly : OpenFlags.Directory, 0, out var error);
            at.Dispose();
            at = next ?? throw new FileSystemException("open", error);
        }

        var status = Files.Status(at, []);
        if (status.Device == source.Device && status.Inode == source.Inode) return at;
        at.Dispose();
        throw new FileSystemException("link", Errno.NoEntry);
    }

    private static void RemoveTemporary(DirectoryHandle parent, byte[] temporary)
    {
        try
        {
            Files.Remove(parent, temporary);
        }
        catch (FileSystemException)
        {
            // It is not there: renamed, or never made.
        }
    }

    private void Report(byte[] path, FileSystemException failure)
    {
        issues.Add(path, failure.Operation, failure.Reason);
        // A full disk fails every file that follows: say it once and stop.
        if (failure.Error is Errno.NoSpace or Errno.QuotaExceeded or Errno.ReadOnly) Interlocked.CompareExchange(ref _fatal, failure, null);
    }

    private IOException Rethrowable(Exception fatal) => fatal is FileSystemException failure
        ? new IOException($"the restore stopped in {request.TargetPath}: {failure.Message}; what is complete has its final name, free some space and run it again")
        : new IOException($"the restore stopped in {request.TargetPath}: {fatal.Message}", fatal);
}
