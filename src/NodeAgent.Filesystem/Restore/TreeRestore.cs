using System.Collections.Concurrent;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Makes a tree below an open directory. The tree may be hostile: every name is one checked component, everything is
/// relative to a handle of a directory that this run opened without following links, and a file gets its final name only
/// when it is complete.
/// </summary>
internal sealed class TreeRestore(RestoreRequest request, ChunkReader reader, TreeReader tree, ContentWriter contents, ReadAhead ahead, WorkerPool workers, IssueList issues, ResumeMark? mark)
{
    private const string IncompleteDirectory = "what is in it, or some of it, could not be read when it was backed up";

    private readonly RestoreSelection _selection = new(request);
    private readonly ExistingFiles _existing = new(request, mark);
    private readonly MetadataWriter _metadata = new(reader, issues);
    private readonly TemporaryNames _temporaries = new(issues);

    /// <summary>The latest name of each file with several. Only the walk uses it.</summary>
    private readonly Dictionary<(ulong Device, ulong Inode), Task<LinkSource?>> _links = [];
    private readonly ConcurrentQueue<(LinkSource Source, TreeEntry Entry)> _laterFlags = new();
    private long _files;
    private long _directories;
    private long _others;
    private long _bytes;
    private long _skipped;
    private long _unchanged;
    private long _deleted;
    private Exception? _fatal;

    /// <summary>A file that this run made and to which further names can be given.</summary>
    private sealed record LinkSource(TreePath Path, ulong Device, ulong Inode);

    public long FilesDone => Interlocked.Read(ref _files);

    public RestoreResult Result => new(_files, _directories, _others, _bytes, _skipped, issues.Issues, issues.Count) { MetadataIssueCount = issues.MetadataOnly, Unchanged = _unchanged, Deleted = _deleted };

    /// <summary>A directory that is being walked.</summary>
    private sealed class Frame(RestoredDirectory directory, IAsyncEnumerator<TreeEntry> entries, RestoreSelection.Scope scope)
    {
        public RestoredDirectory Directory => directory;

        public IAsyncEnumerator<TreeEntry> Entries => entries;

        public RestoreSelection.Scope Scope => scope;

        /// <summary>What is there and the snapshot lacks; null when it stays.</summary>
        public SurplusNames? Surplus { get; init; }

        /// <summary>Not all entries could be read: what seems to be missing may be there.</summary>
        public bool IsDamaged { get; set; }
    }

    /// <summary>Restores a directory's content into an open directory, and the directory's own metadata.</summary>
    public async Task RestoreAsync(DirectoryHandle target, TreeEntry root, CancellationToken cancellationToken)
    {
        var top = new RestoredDirectory(null, root, TreePath.Root, directory => OpenTop(target, directory), directory => CompleteAsync(directory, cancellationToken));
        _ = top.Handle;
        if (_selection.Top.IsWanted && root.UnreadableContent) issues.Add(TreePath.Root, "restore", IncompleteDirectory);
        var open = new Stack<Frame>();
        open.Push(Open(top, _selection.Top, cancellationToken));
        try
        {
            while (open.TryPeek(out var frame))
            {
                ThrowIfStopped(cancellationToken);
                if (!await NextAsync(frame))
                {
                    open.Pop();
                    await frame.Entries.DisposeAsync();
                    RemoveSurplus(frame);
                    // Files in it may still be written; the last one of them completes it.
                    await frame.Directory.ReleaseAsync();
                    continue;
                }

                var entry = frame.Entries.Current;
                if (TreeLimits.CheckName(entry.Name.Span) is { } wrong)
                {
                    issues.Add(frame.Directory.Path, "restore", $"an entry is refused: {wrong}");
                    frame.IsDamaged = true;
                    continue;
                }

                frame.Surplus?.Pass(entry.Name.Span);
                var path = frame.Directory.Path.Below(entry.Name.ToArray());
                if (_selection.Enter(frame.Scope, path, entry.Type) is not { } scope) continue;
                if (entry.Type == TreeEntryType.Directory)
                {
                    if (open.Count >= TreeLimits.MaxDepth)
                    {
                        issues.Add(path, "restore", $"directories are nested deeper than {TreeLimits.MaxDepth}");
                        continue;
                    }

                    if (scope.IsWanted && entry.UnreadableContent) issues.Add(path, "restore", IncompleteDirectory);
                    frame.Directory.Hold();
                    var directory = new RestoredDirectory(frame.Directory, entry, path, Make, made => CompleteAsync(made, cancellationToken));
                    if (scope.IsWanted && !TryMake(directory))
                    {
                        await directory.ReleaseAsync();
                        continue;
                    }

                    open.Push(Open(directory, scope, cancellationToken));
                }
                else
                {
                    await ScheduleAsync(target, frame.Directory, entry, path, cancellationToken);
                    await workers.ThrottleAsync();
                }
            }

            await ahead.FlushAsync(cancellationToken);
            await workers.DrainAsync();
            ThrowIfStopped(cancellationToken);
            ApplyLaterFlags(target);
        }
        finally
        {
            ahead.Abandon();
            await workers.DrainAsync();
            while (open.TryPop(out var frame)) await frame.Entries.DisposeAsync();
        }
    }

    /// <summary>Restores one file or link into an open directory.</summary>
    public async Task RestoreSingleAsync(DirectoryHandle target, TreeEntry entry, CancellationToken cancellationToken)
    {
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ed };
        var top = new RestoredDirectory(null, carrier, TreePath.Root, directory => OpenTop(target, directory), _ => ValueTask.CompletedTask);
        top.Hold();
        Start(target, top, entry, TreePath.Root.Below(entry.Name), null, cancellationToken);
        await workers.DrainAsync();
        await top.ReleaseAsync();
        ThrowIfStopped(cancellationToken);
        ApplyLaterFlags(target);
    }

    private DirectoryHandle OpenTop(DirectoryHandle target, RestoredDirectory directory)
    {
        var handle = Files.Open(target, "."u8, OpenFlags.Directory);
        directory.WasThere = true;
        directory.PassesOnAccess = MetadataWriter.PassesOnAccess(handle);
        _temporaries.RemoveStale(handle, directory.Path);
        return handle;
    }

    private Frame Open(RestoredDirectory directory, RestoreSelection.Scope scope, CancellationToken cancellationToken) =>
        new(directory, tree.ReadDirectoryAsync(directory.Entry, cancellationToken).GetAsyncEnumerator(cancellationToken), scope)
        {
            // Where only a part is restored, what the snapshot lacks of the rest says nothing.
            Surplus = request.Delete && scope.IsWanted && directory.WasThere && !directory.Entry.UnreadableContent ? new SurplusNames(NamesIn(directory.Handle)) : null,
        };

    /// <summary>Opened anew: a handle that was read before is at its end.</summary>
    private static List<byte[]> NamesIn(DirectoryHandle directory)
    {
        using var again = Files.Open(directory, "."u8, OpenFlags.Directory);
        return Files.Names(again);
    }

    private void RemoveSurplus(Frame frame)
    {
        if (frame.Surplus is null || frame.IsDamaged) return;
        foreach (var name in frame.Surplus.End())
        {
            if (frame.Directory.Parent is null && name.AsSpan().SequenceEqual(ResumeMark.Name)) continue;
            Remove(frame.Directory.Handle, name, frame.Directory.Path.Below(name), frame.Scope);
        }
    }

    /// <summary>Removes something with all that is in it, but for what the restore leaves out.</summary>
    private bool Remove(DirectoryHandle parent, byte[] name, TreePath path, RestoreSelection.Scope scope)
    {
        try
        {
            var removal = new TreeRemoval((below, type) => _selection.Enter(scope, below, type) is null, issues) { Removed = (_, _) => Interlocked.Increment(ref _deleted) };
            return removal.Remove(parent, name, path);
        }
        catch (FileSystemException failure)
        {
            Report(path, failure);
            return false;
        }
    }

    private void ThrowIfStopped(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_fatal is not null) throw _fatal;
    }

    /// <summary>The next entry; a directory whose pages are damaged is reported and ends there, the rest is restored.</summary>
    private async ValueTask<bool> NextAsync(Frame frame)
    {
        try
        {
            return await frame.Entries.MoveNextAsync();
        }
        catch (RepositoryException exception) when (exception is not StoreException { Failure: StoreFailure.PermissionDenied })
        {
            issues.Add(frame.Directory.Path, "read directory", exception.Message);
            frame.IsDamaged = true;
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
            var there = Files.Status(parent, name);
            if (there.Type == TreeEntryType.Directory)
            {
                directory.WasThere = true;
            }
            else
            {
                if (!_existing.MayReplace(there, directory.Entry)) throw;
                Files.Remove(parent, name);
                Files.MakeDirectory(parent, name, 0x1c0);
            }
        }

        var handle = Files.Open(parent, name, OpenFlags.Directory);
        if (directory.WasThere)
        {
            directory.PassesOnAccess = MetadataWriter.PassesOnAccess(handle);
            _temporaries.RemoveStale(handle, directory.Path);
        }
        else if (directory.Parent.PassesOnAccess) MetadataWriter.RemoveAccessLists(handle);
        return handle;
    }

    private async ValueTask CompleteAsync(RestoredDirectory directory, CancellationToken cancellationToken)
    {
        try
        {
            if (directory.WasThere) MetadataWriter.RemoveAccessLists(directory.Handle, keepThoseOf: directory.Entry);
            await _metadata.ApplyAsync(directory.Handle, directory.Entry, directory.Path, cancellationToken);
            _metadata.ApplyFlags(directory.Handle, directory.Entry, directory.Path);
            Interlocked.Increment(ref _directories);
        }
        catch (FileSystemException failure)
        {
            Report(directory.Path, failure);
        }
    }

    /// <summary>Lets a worker restore an entry, after what it needs is being read.</summary>
    private async ValueTask ScheduleAsync(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, CancellationToken cancellationToken)
    {
        directory.Hold();
        // A further name of a file is none to be read, and must not wait behind the first one here.
        if (entry.HardLinkDevice is not null || !ReadAhead.IsFor(entry) || !IsFetched(directory, entry)) Start(target, directory, entry, path, null, cancellationToken);
        else await ahead.AddAsync(entry, batch => Start(target, directory, entry, path, batch, cancellationToken), cancellationToken);
    }

    private bool IsFetched(RestoredDirectory directory, TreeEntry entry)
    {
        // Only in directories that were there something can be in the way; the others need not be made for this.
        try
        {
            return !directory.WasThere || _existing.IsFetched(ExistingFiles.At(directory.Handle, entry.Name.Span), entry);
        }
        catch (FileSystemException)
        {
            return false; // the worker meets it again, and reports it
        }
    }

    /// <summary>Gives an entry to a worker. The directory is held for it already.</summary>
    private void Start(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, SharedBatch? batch, CancellationToken cancellationToken)
    {
        TaskCompletionSource<LinkSource?>? link = null;
        Task<LinkSource?>? previous = null;
        if (entry.HardLinkDevice is { } device)
        {
            // Each further name waits for the one before it, so that directories need not stay open until the end.
            link = new TaskCompletionSource<LinkSource?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _links.TryGetValue((device, entry.Inode), out previous);
            _links[(device, entry.Inode)] = link.Task;
        }

        _ = workers.Run(RestoreAsync, previous);

        async Task RestoreAsync()
        {
            LinkSource? made = null;
            try
            {
                if (_fatal is null)
                {
                    var source = previous is null ? null : await previous;
                    made = source is not null && TryLink(target, directory, entry, path, source)
                        ? source
                        : await RestoreEntryAsync(directory, entry, path, batch, link is not null, cancellationToken);
                }
            }
            catch (FileSystemException failure)
            {
                Report(path, failure);
            }
            catch (RepositoryException exception)
            {
                issues.Add(path, "restore", exception.Message);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // The walk ends the run.
            }
            catch (Exception exception)
            {
                Stop(new IOException($"the restore stopped in {request.TargetPath} at {path}: {exception.Message}", exception));
            }
            finally
            {
                batch?.Release();
                link?.TrySetResult(made);
                await directory.ReleaseAsync();
            }
        }
    }

    private async Task<LinkSource?> RestoreEntryAsync(RestoredDirectory directory, TreeEntry entry, TreePath path, SharedBatch? batch, bool isLinked, CancellationToken cancellationToken)
    {
        var parent = directory.Handle;
        // In a directory that this run made there is nothing yet.
        var there = directory.WasThere ? ExistingFiles.At(parent, entry.Name.Span) : null;
        var choice = _existing.Choose(there, entry);
        if (choice == ExistingChoice.Keep)
        {
            Skip(path);
            return null;
        }

        if (entry.IsPart)
        {
            issues.Add(path, "restore", "parts of it are lost, and zeros stand in their place: the snapshot was repaired");
        }
        else if (entry.UnreadableContent)
        {
            issues.Add(path, "restore", "its content could not be read when it was backed up", isMetadataOnly: true);
            return null;
        }

        if (choice != ExistingChoice.Write && await TryReuseAsync(parent, entry, path, there!.Value, choice, cancellationToken))
            return isLinked ? new LinkSource(path, there.Value.Device, there.Value.Inode) : null;
        var temporary = _temporaries.Next();
        try
        {
            DirectoryHandle? file = null;
            try
            {
                if (entry.Type == TreeEntryType.RegularFile)
                {
                    file = Files.Open(parent, temporary, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180);
                    await contents.WriteAsync(file, entry, batch?.Chunks, cancellationToken);
                    if (directory.PassesOnAccess) MetadataWriter.RemoveAccessLists(file);
                    await _metadata.ApplyAsync(file, entry, path, cancellationToken);
                }
                else
                {
                    if (!MakeOther(parent, temporary, entry, path)) return null;
                    file = Files.Open(parent, temporary, OpenFlags.PathOnly);
                    if (Files.Status(file, []).Type != entry.Type) throw new FileSystemException("open", Errno.Exists);
                    await _metadata.ApplyToNamedAsync(file, entry, path, cancellationToken);
                }

                var made = isLinked ? Files.Status(file, []) : default;
                if (!Publish(parent, temporary, entry, path)) return null;
                var source = isLinked ? new LinkSource(path, made.Device, made.Inode) : null;
                if (entry.Type == TreeEntryType.RegularFile)
                {
                    // An immutable file takes no further names.
                    if (source is null) _metadata.ApplyFlags(file, entry, path);
                    else if (entry.InodeFlags != 0) _laterFlags.Enqueue((source, entry));
                    Interlocked.Increment(ref _files);
                    Interlocked.Add(ref _bytes, entry.Size);
                }
                else
                {
                    Interlocked.Increment(ref _others);
                }

                return source;
            }
            finally
            {
                file?.Dispose();
            }
        }
        catch
        {
            RemoveTemporary(parent, temporary);
            throw;
        }
    }

    /// <summary>
    /// Makes a file that is there the one of the snapshot, without another taking its place. False when that cannot be: it is not
    /// open to this user, say, or somebody just gave it another name.
    /// </summary>
    private async ValueTask<bool> TryReuseAsync(DirectoryHandle parent, TreeEntry entry, TreePath path, FileStatus there, ExistingChoice choice, CancellationToken cancellationToken)
    {
        if (choice != ExistingChoice.Complete || entry.InodeFlags != 0)
        {
            var flags = (choice == ExistingChoice.Update ? OpenFlags.ReadWrite : OpenFlags.ReadOnly) | OpenFlags.NonBlocking;
            using var file = Files.TryOpen(parent, entry.Name.Span, flags, 0, out _);
            if (file is null) return false;
            var status = Files.Status(file, []);
            if (status.Inode != there.Inode || status.Device != there.Device || status.Links != there.Links) return false;
            if (choice == ExistingChoice.Update)
            {
                // Whoever could read what was there is not to read what comes, until its own mode is set.
                if (!MetadataWriter.TryClose(file, entry)) return false;
                await contents.UpdateAsync(file, status.Size, entry, cancellationToken);
                await _metadata.ApplyAsync(file, entry, path, cancellationToken);
            }
            else if (choice == ExistingChoice.Same && !MetadataWriter.IsAsRecorded(file, status, entry))
            {
                if (there.Links != 1) return false;
                MetadataWriter.RemoveSurplus(file, entry);
                await _metadata.ApplyAsync(file, entry, path, cancellationToken);
            }

            _metadata.ApplyFlags(file, entry, path);
        }

        Interlocked.Increment(ref _files);
        Interlocked.Add(ref _bytes, entry.Size);
        if (choice != ExistingChoice.Update)
        {
            Interlocked.Increment(ref _unchanged);
            contents.Pass(entry.Size);
        }

        return true;
    }

    /// <summary>Gives a complete file its name. False when another has it and stays.</summary>
    private bool Publish(DirectoryHandle parent, byte[] temporary, TreeEntry entry, TreePath path)
    {
        if (request.Overwrite is OverwritePolicy.Never or OverwritePolicy.Fail)
        {
            if (Files.TryRenameNew(parent, temporary, entry.Name.Span)) return true;
            RemoveTemporary(parent, temporary);
            Skip(path);
            return false;
        }

        try
        {
            Files.Rename(parent, temporary, entry.Name.Span);
            return true;
        }
        catch (FileSystemException failure) when (failure.Error == Errno.IsDirectory)
        {
            try
            {
                Files.Remove(parent, entry.Name.Span, isDirectory: true);
            }
            catch (FileSystemException removal) when (removal.Error is Errno.NotEmpty or Errno.Exists)
            {
                if (!request.Delete || !Remove(parent, entry.Name.ToArray(), path, new RestoreSelection.Scope(true, true)))
                {
                    RemoveTemporary(parent, temporary);
                    issues.Add(path, "rename", "a directory that is not empty is in its place (move it away, or restore elsewhere)");
                    return false;
                }
            }

            Files.Rename(parent, temporary, entry.Name.Span);
            return true;
        }
    }

    private bool MakeOther(DirectoryHandle parent, byte[] temporary, TreeEntry entry, TreePath path)
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

    private void Skip(TreePath path)
    {
        Interlocked.Increment(ref _skipped);
        if (request.Overwrite == OverwritePolicy.Fail) issues.Add(path, "restore", "it is there already and was left as it is");
    }

    /// <summary>
    /// Adds a further name. False when that cannot be (the file system takes no more names, or the first name is gone): the
    /// entry carries its content and is then restored as a file of its own.
    /// </summary>
    private bool TryLink(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, LinkSource source)
    {
        var parent = directory.Handle;
        if (directory.WasThere && ExistingFiles.At(parent, entry.Name.Span) is { } there)
        {
            if (there.Device == source.Device && there.Inode == source.Inode)
            {
                Interlocked.Increment(ref _unchanged);
                if (entry.Type == TreeEntryType.RegularFile) Interlocked.Increment(ref _files);
                else Interlocked.Increment(ref _others);
                return true;
            }

            if (!_existing.MayReplace(there, entry))
            {
                Skip(path);
                return true;
            }
        }

        var temporary = _temporaries.Next();
        try
        {
            using var file = OpenMade(target, source, OpenFlags.PathOnly);
            Files.Link(file, parent, temporary);
        }
        catch (FileSystemException failure) when (failure.Error is not (Errno.NoSpace or Errno.QuotaExceeded or Errno.ReadOnly))
        {
            issues.Add(path, failure.Operation, $"it cannot be one file with {source.Path} here and becomes a file of its own: {failure.Reason}");
            return false;
        }

        try
        {
            if (!Publish(parent, temporary, entry, path)) return true;
        }
        finally
        {
            // Renaming one name of a file over another of its names does nothing and leaves both.
            RemoveTemporary(parent, temporary);
        }

        if (entry.Type == TreeEntryType.RegularFile) Interlocked.Increment(ref _files);
        else Interlocked.Increment(ref _others);
        return true;
    }

    private void ApplyLaterFlags(DirectoryHandle target)
    {
        foreach (var (source, entry) in _laterFlags)
        {
            try
            {
                using var file = OpenMade(target, source, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
                _metadata.ApplyFlags(file, entry, source.Path);
            }
            catch (FileSystemException failure)
            {
                Report(source.Path, failure);
            }
        }
    }

    /// <summary>Opens a file that this run made, and makes sure that it is that file and nothing put in its place.</summary>
    private static DirectoryHandle OpenMade(DirectoryHandle target, LinkSource source, int flags)
    {
        var at = Files.Open(target, "."u8, OpenFlags.Directory);
        var names = source.Path.ToNames();
        for (var i = 0; i < names.Length; i++)
        {
            var next = Files.TryOpen(at, names[i].Span, i == names.Length - 1 ? flags : OpenFlags.Directory, 0, out var error);
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

    private void Report(TreePath path, FileSystemException failure)
    {
        issues.Add(path, failure.Operation, failure.Reason);
        // A full disk fails every file that follows: say it once and stop.
        if (failure.Error is Errno.NoSpace or Errno.QuotaExceeded or Errno.ReadOnly)
        {
            Stop(new IOException(
                $"the restore stopped in {request.TargetPath} at {path}: {failure.Message} (what is complete has its final name; {(failure.Error == Errno.ReadOnly ? "make it writable" : "free some space")} and run it again)"));
        }
    }

    private void Stop(Exception reason) => Interlocked.CompareExchange(ref _fatal, reason, null);
}
