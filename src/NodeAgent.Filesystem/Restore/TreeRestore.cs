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
internal sealed class TreeRestore
{
    private const string IncompleteDirectory = "what is in it, or some of it, could not be read when it was backed up";

    private readonly RestoreRequest _request;
    private readonly TreeReader _tree;
    private readonly ReadAhead _ahead;
    private readonly WorkerPool _workers;
    private readonly IssueList _issues = new();
    private readonly RestoreSelection _selection;
    private readonly ExistingFiles _existing;
    private readonly MetadataWriter _metadata;
    private readonly TemporaryNames _temporaries;
    private readonly SurplusRemoval _removal;
    private readonly EntryRestore _entries;
    private readonly EarlyFlush _flush;
    private readonly RestoreCounts _counts = new();

    /// <summary>The latest name of each file with several. Only the walk uses it.</summary>
    private readonly Dictionary<HardLinkKey, Task<LinkSource?>> _links = [];
    private Exception? _fatal;

    /// <param name="request">What is wanted.</param>
    /// <param name="mark">Tells what an interrupted run of the same restore completed; null where nothing is taken for complete.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="workers">Who restores entries while this walks. None works when a method has returned.</param>
    /// <param name="flush">Told of all that is made.</param>
    public TreeRestore(RestoreRequest request, ResumeMark? mark, RestoreSource source, WorkerPool workers, EarlyFlush flush)
    {
        (_request, _tree, _ahead, _workers, _flush) = (request, source.Tree, source.Ahead, workers, flush);
        _selection = new RestoreSelection(request);
        _existing = new ExistingFiles(request, mark);
        _metadata = new MetadataWriter(source.Reader, _issues);
        _temporaries = new TemporaryNames(_issues);
        _removal = new SurplusRemoval(_selection, _issues, _counts);
        _entries = new EntryRestore(request, new TargetNames(_existing, _temporaries, _removal), new EntryWriters(source.Contents, _metadata, flush), new RestoreReport(_counts, _issues));
    }

    public long FilesDone => Interlocked.Read(ref _counts.Files);

    public RestoreResult Result => new(_counts.Files, _counts.Directories, _counts.Others, _counts.Bytes, _counts.Skipped, _issues.Issues, _issues.Count)
    {
        MetadataIssueCount = _issues.MetadataOnly,
        Unchanged = _counts.Unchanged,
        Deleted = _counts.Deleted,
    };

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
        if (_selection.Top.IsWanted && root.UnreadableContent) _issues.Add(TreePath.Root, "restore", IncompleteDirectory);
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
                    _issues.Add(frame.Directory.Path, "restore", $"an entry is refused: {wrong}");
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
                        _issues.Add(path, "restore", $"directories are nested deeper than {TreeLimits.MaxDepth}");
                        continue;
                    }

                    if (scope.IsWanted && entry.UnreadableContent) _issues.Add(path, "restore", IncompleteDirectory);
                    frame.Directory.Hold();
                    var directory = new RestoredDirectory(frame.Directory, entry, path, Make, made => CompleteAsync(made, cancellationToken));
                    if (scope.IsWanted && !TryMake(directory))
                    {
                        await directory.ReleaseAsync();
                        continue;
                    }

                    open.Push(Open(directory, scope, cancellationToken));
                    if (scope.IsWanted && !directory.WasThere) await _flush.AddAsync(EarlyFlush.CostOfDirectory, cancellationToken);
                }
                else
                {
                    await ScheduleAsync(target, frame.Directory, entry, path, cancellationToken);
                    await _workers.ThrottleAsync();
                }
            }

            await _ahead.FlushAsync(cancellationToken);
            await _workers.DrainAsync();
            ThrowIfStopped(cancellationToken);
            _entries.ApplyLaterFlags(target, Report);
        }
        finally
        {
            _ahead.Abandon();
            await _workers.DrainAsync();
            while (open.TryPop(out var frame)) await frame.Entries.DisposeAsync();
        }
    }

    /// <summary>Restores one file or link into an open directory.</summary>
    public async Task RestoreSingleAsync(DirectoryHandle target, TreeEntry entry, CancellationToken cancellationToken)
    {
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ed };
        var top = new RestoredDirectory(null, carrier, TreePath.Root, directory => OpenTop(target, directory), _ => ValueTask.CompletedTask);
        top.Hold();
        Start(target, top, entry, TreePath.Root.Below(entry.Name), cancellationToken);
        await _workers.DrainAsync();
        await top.ReleaseAsync();
        ThrowIfStopped(cancellationToken);
        _entries.ApplyLaterFlags(target, Report);
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
        new(directory, _tree.ReadDirectoryAsync(directory.Entry, cancellationToken).GetAsyncEnumerator(cancellationToken), scope)
        {
            // Where only a part is restored, what the snapshot lacks of the rest says nothing.
            Surplus = _request.Delete && scope.IsWanted && directory.WasThere && !directory.Entry.UnreadableContent && !IsMountPoint(directory) ? new SurplusNames(NamesIn(directory.Handle)) : null,
        };

    /// <summary>
    /// What is mounted in a tree is left out of its backup as a rule, and its place is an empty directory in the snapshot. That the snapshot has nothing of it is no
    /// reason to remove it.
    /// </summary>
    private static bool IsMountPoint(RestoredDirectory directory) =>
        directory.Parent is { } parent && Files.Status(directory.Handle, []).MountId != Files.Status(parent.Handle, []).MountId;

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
            var path = frame.Directory.Path.Below(name);
            try
            {
                _removal.Remove(frame.Directory.Handle, name, path, frame.Scope);
            }
            catch (FileSystemException failure)
            {
                Report(path, failure);
            }
        }
    }

    private void ThrowIfStopped(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_fatal is not null) throw _fatal;
        _flush.ThrowIfFailed();
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
            _issues.Add(frame.Directory.Path, "read directory", exception.Message);
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
        try
        {
            LookAt(directory, handle);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>What has to be known of, or done in, a directory before anything is made in it.</summary>
    private void LookAt(RestoredDirectory directory, DirectoryHandle handle)
    {
        // Whoever may write in the parent may have put another in its place before it was opened: that one is not closed to others, and not known to be empty.
        if (!directory.WasThere) directory.WasThere = Files.Status(handle, []) is var made && (made.UserId != Files.User || (made.Permissions & 0x1ff) != 0x1c0);
        if (directory.WasThere)
        {
            directory.PassesOnAccess = MetadataWriter.PassesOnAccess(handle);
            _temporaries.RemoveStale(handle, directory.Path);
        }
        else if (directory.Parent!.PassesOnAccess)
        {
            MetadataWriter.RemoveAccessLists(handle);
        }
    }

    private async ValueTask CompleteAsync(RestoredDirectory directory, CancellationToken cancellationToken)
    {
        try
        {
            if (directory.WasThere) MetadataWriter.RemoveAccessLists(directory.Handle, keepThoseOf: directory.Entry);
            await _metadata.ApplyAsync(directory.Handle, directory.Entry, directory.Path, cancellationToken);
            _metadata.ApplyFlags(directory.Handle, directory.Entry, directory.Path);
            Interlocked.Increment(ref _counts.Directories);
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
        if (entry.HardLinkDevice is not null || !ReadAhead.IsFor(entry) || (ReadAhead.IsRead(entry) && !IsFetched(directory, entry))) Start(target, directory, entry, path, cancellationToken);
        else await _ahead.AddAsync(entry, directory, batch => RestoreAsync(target, directory, entry, path, batch, null, null, cancellationToken), cancellationToken);
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
    private void Start(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, CancellationToken cancellationToken)
    {
        TaskCompletionSource<LinkSource?>? link = null;
        Task<LinkSource?>? previous = null;
        if (HardLinkKey.Of(entry) is { } key)
        {
            // Each further name waits for the one before it, so that directories need not stay open until the end.
            link = new TaskCompletionSource<LinkSource?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _links.TryGetValue(key, out previous);
            _links[key] = link.Task;
        }

        _ = _workers.Run(() => RestoreAsync(target, directory, entry, path, null, link, previous, cancellationToken), previous);
    }

    /// <summary>Restores an entry, on a worker. Whatever goes wrong is reported, and nothing is thrown.</summary>
    private async Task RestoreAsync(
        DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, SharedBatch? batch, TaskCompletionSource<LinkSource?>? link, Task<LinkSource?>? previous, CancellationToken cancellationToken)
    {
        LinkSource? made = null;
        try
        {
            if (_fatal is null && !cancellationToken.IsCancellationRequested)
            {
                var source = previous is null ? null : await previous;
                made = source is not null && _entries.TryLink(target, directory, entry, path, source)
                    ? source
                    : await _entries.RestoreAsync(directory, entry, path, batch, link is not null, cancellationToken);
            }
        }
        catch (FileSystemException failure)
        {
            Report(path, failure);
        }
        catch (RepositoryException exception)
        {
            _issues.Add(path, "restore", exception.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The walk ends the run.
        }
        catch (Exception exception)
        {
            StopAt(path, exception);
        }
        finally
        {
            batch?.Release();
            link?.TrySetResult(made);
            await ReleaseAsync(directory, cancellationToken);
        }
    }

    private async ValueTask ReleaseAsync(RestoredDirectory directory, CancellationToken cancellationToken)
    {
        try
        {
            await directory.ReleaseAsync();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The walk ends the run.
        }
        catch (Exception exception)
        {
            StopAt(directory.Path, exception);
        }
    }

    private void StopAt(TreePath path, Exception exception) =>
        Stop(new IOException($"the restore stopped in {_request.TargetPath} at {path}: {exception.Message}", exception));

    private void Report(TreePath path, FileSystemException failure)
    {
        _issues.Add(path, failure.Operation, failure.Reason);
        // A full disk fails every file that follows: say it once and stop.
        if (failure.FailsWhatFollows)
        {
            Stop(new IOException(
                $"the restore stopped in {_request.TargetPath} at {path}: {failure.Message} (what is complete has its final name; {(failure.Error == Errno.ReadOnly ? "make it writable" : "free some space")} and run it again)"));
        }
    }

    private void Stop(Exception reason) => Interlocked.CompareExchange(ref _fatal, reason, null);
}
