using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Looks at a name when the walk is there: what nobody looked at ahead of it, and everything of which somebody must be told. What a regular file holds is read by
/// <see cref="ContentReader"/>. For the walk's thread.
/// </summary>
internal sealed class NameVisitor(
    BackupRequest request, ChunkRepository repository, WriteSession session, ParentTree? parent, PathPatterns excludes, MountRules mounts, WorkerPool workers, BundleWriter bundles,
    StepWriter steps, CaptureCounters counters, IssueList issues)
{
    private const string Vanished = "it vanished before it could be read";
    private const string Replaced = "it became something else while it was read";
    private const string Leased = "another program has a lease on it and does not give it back";

    private readonly AttributeReader _attributes = new(session, issues);
    private readonly ContentReader _contents = new(repository, session, workers, bundles, counters, issues);
    private readonly LinkedContents _linked = new();
    private readonly LeaseWait _leases = new(request.LeaseWait);
    private readonly Dictionary<ulong, ulong> _deviceOrdinals = [];

    /// <summary>Bytes for the names of one directory: they are sorted in memory.</summary>
    public long MostNames { get; } = (request.Memory > 0 ? request.Memory : WorkerCount.ProcessMemory) / 2;

    /// <summary>The source's own directory, with the names that are wanted of it, or with all.</summary>
    public async ValueTask<OpenedDirectory> BeginAsync(DirectoryHandle root, byte[]? only, FileStatus status, CancellationToken cancellationToken)
    {
        _deviceOrdinals.Add(status.Device, 0);
        if (status.OutOfRange is { } wrong) issues.Add(TreePath.Root, "statx", wrong);
        await steps.WriteAsync(new CapturedEntry(await DescribeAsync([], TreePath.Root, status, root, cancellationToken), null, TreePath.Root), cancellationToken);
        counters.Directories++;
        return new OpenedDirectory(root, only is null ? Files.Names(root, most: MostNames) : [only], TreePath.Root, status.MountId, parent?.Root, null, 0) { IsNamed = only is not null };
    }

    /// <summary>Writes what is under a name; returns a directory to go into, which the caller then owns.</summary>
    /// <param name="above">Where the name is.</param>
    /// <param name="index">Its place there.</param>
    /// <param name="depth">Directories that are open above it.</param>
    /// <param name="cancellationToken">Ends the walk.</param>
    public async ValueTask<OpenedDirectory?> VisitAsync(OpenedDirectory above, int index, int depth, CancellationToken cancellationToken)
    {
        var name = above.Names[index];
        var path = above.Path.Below(name);
        if (!above.IsNamed && excludes.Matches(path)) return null;
        if (TreeLimits.CheckName(name) is { } why)
        {
            above.IsIncomplete = true;
            issues.Add(path, "getdents", $"it cannot be stored: {why}");
            return null;
        }

        FileStatus status;
        try
        {
            status = Files.Status(above.Handle, name, mounts.IsLocal);
        }
        catch (FileSystemException failure)
        {
            if (request.OneFileSystem && !above.IsNamed && Files.MountOf(above.Handle, name) is { } mount && !mounts.Allow(above.MountId, mount))
            {
                // Not even its owner can be told: somebody's own file system, or one whose server is gone. It is not of the source.
                above.IsIncomplete = true;
                mounts.LeaveOut(path, mount);
                return null;
            }

            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Reason);
            above.IsIncomplete |= failure.Error != Errno.NoEntry;
            return null;
        }

        if (status.Type is not { } type)
        {
            above.IsIncomplete = true;
            issues.Add(path, "statx", $"unknown type of file (mode {Convert.ToString(status.Mode, 8)})");
            return null;
        }

        if (!above.IsNamed && !mounts.Allow(above.MountId, status.MountId))
        {
            await LeaveOutAsync(above, name, path, status, cancellationToken);
            return null;
        }

        if (status.OutOfRange is { } wrong) issues.Add(path, "statx", wrong);
        var before = await FindBeforeAsync(above, index, cancellationToken);
        if (type == TreeEntryType.Directory && depth >= TreeLimits.MaxDepth)
        {
            issues.Add(path, "open", $"directories are nested deeper than {TreeLimits.MaxDepth}: what is in this one is left out (back it up as a source of its own)");
            await KeepEmptyAsync(above, name, path, status, isUnreadable: true, cancellationToken);
        }
        else if (type == TreeEntryType.Directory) return await EnterAsync(above, index, path, status, before, cancellationToken);
        else if (type == TreeEntryType.RegularFile) await ReadFileAsync(above, name, path, status, before, cancellationToken);
        else await OtherAsync(above, name, path, status, cancellationToken);
        return null;
    }

    /// <summary>The entry of that name in the parent; null when there is none.</summary>
    private async ValueTask<TreeEntry?> FindBeforeAsync(OpenedDirectory above, int index, CancellationToken cancellationToken)
    {
        var batch = above.Batch(index / NameBatch.Length);
        if (index >= batch.ParentLostFrom) return null;
        var cursor = above.RentCursor(parent, index);
        try
        {
            return cursor is null ? null : await cursor.FindAsync(above.Names[index], index, cancellationToken);
        }
        catch (RepositoryException)
        {
            batch.ParentLostFrom = index;
            cursor = null;
            return null;
        }
        finally
        {
            above.Return(cursor);
        }
    }

    /// <summary>
    /// The directory under a mount cannot be seen. What is mounted there lends its owner and mode, so that a restore has a place to mount it again;
    /// a mounted file is left out. Nothing more is asked of it: it may not answer.
    /// </summary>
    private async ValueTask LeaveOutAsync(OpenedDirectory above, byte[] name, TreePath path, FileStatus status, CancellationToken cancellationToken)
    {
        mounts.LeaveOut(path, status.MountId);
        if (status.Type == TreeEntryType.Directory) await KeepEmptyAsync(above, name, path, status, isUnreadable: false, cancellationToken);
        else above.IsIncomplete = true;
    }

    private async ValueTask KeepEmptyAsync(OpenedDirectory above, byte[] name, TreePath path, FileStatus status, bool isUnreadable, CancellationToken cancellationToken)
    {
        counters.Directories++;
        await steps.WriteAsync(new CapturedEntry(EntryOf.Status(name, status, [], 0, null, default, isUnreadable), null, path), cancellationToken);
        await steps.WriteAsync(CapturedEntry.EndOfDirectory, cancellationToken);
    }

    private async ValueTask<OpenedDirectory?> EnterAsync(OpenedDirectory above, int index, TreePath path, FileStatus status, TreeEntry? before, CancellationToken cancellationToken)
    {
        var name = above.Names[index];
        DirectoryHandle? handle = null;
        try
        {
            handle = Files.OpenToRead(above.Handle, name);
            // The name may have been given to something else since it was looked at.
            var now = Files.Status(handle, []);
            if (now.Type != TreeEntryType.Directory)
            {
                above.IsIncomplete = true;
                issues.Add(path, "open", Replaced);
                return null;
            }

            if (!above.IsNamed && !mounts.Allow(above.MountId, now.MountId))
            {
                // Mounted since it was looked at, or by the look: network file systems do so.
                await LeaveOutAsync(above, name, path, now, cancellationToken);
                return null;
            }

            var names = Files.Names(handle, most: MostNames);
            if (request.ExcludeCaches && CacheTag.Marks(handle, names)) names = [CacheTag.Name];
            var entry = await DescribeAsync(name, path, now, handle, cancellationToken);
            await steps.WriteAsync(new CapturedEntry(entry, null, path), cancellationToken);
            counters.Directories++;
            var opened = new OpenedDirectory(handle, names, path, now.MountId, before is { Type: TreeEntryType.Directory } ? before : null, above, index);
            handle = null;
            return opened;
        }
        catch (FileSystemException failure)
        {
            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Reason);
            if (failure.Error == Errno.NoEntry) return null;
            // It is there but cannot be read: keep what is known of it.
            await KeepEmptyAsync(above, name, path, status, isUnreadable: true, cancellationToken);
            return null;
        }
        finally
        {
            handle?.Dispose();
        }
    }

    private async ValueTask ReadFileAsync(OpenedDirectory above, byte[] name, TreePath path, FileStatus status, TreeEntry? before, CancellationToken cancellationToken)
    {
        if (before is not null && !request.ForceReread && parent!.IsUnchanged(before, status) && await parent.IsLiveAsync(before, session, cancellationToken))
        {
            counters.AddFile(status.Size);
            counters.Unchanged++;
            counters.AddBytesDone(status.Size);
            // An equal change time means equal attributes too: they need not be read again.
            var kept = EntryOf.Status(name, status, before.ExtendedAttributes, before.InodeFlags, HardLinkDevice(status), default, isUnreadable: false);
            var known = KnownContent(status) ?? WithAttributes(Task.FromResult(new CapturedContent(before.Content, before.Size, false, FileMoment.Of(status))), status, kept);
            _linked.Add(status, known);
            await steps.WriteAsync(new CapturedEntry(kept, known, path), cancellationToken);
            return;
        }

        TreeEntry entry;
        Task<CapturedContent> content;
        var isKnown = false;
        DirectoryHandle? handle = null;
        try
        {
            handle = await _leases.OpenToReadAsync(above.Handle, name, cancellationToken);
            var now = Files.Status(handle, []);
            if (now.Type != TreeEntryType.RegularFile)
            {
                above.IsIncomplete = true;
                issues.Add(path, "open", Replaced);
                return;
            }

            status = now;
            entry = await DescribeAsync(name, path, status, handle, cancellationToken);
            if (_linked.Find(status) is { } read)
            {
                content = read;
                counters.AddBytesDone(status.Size);
            }
            else if (before is not null && !request.ForceReread && parent!.HasSameContent(before, status) && await parent.IsLiveAsync(before, session, cancellationToken))
            {
                // Only its attributes had to be read again: one whose attributes can never be read is not to be read in full each time.
                isKnown = true;
                content = WithAttributes(Task.FromResult(new CapturedContent(before.Content, before.Size, false, FileMoment.Of(status))), status, entry);
                counters.AddBytesDone(status.Size);
            }
            else
            {
                var small = _contents.IsSmall(status) ? await _contents.TryReadSmallAsync(handle, status, path, isLast: false, cancellationToken) : null;
                if (small is null && _contents.IsSmall(status))
                {
                    // It changed meanwhile: once more, with everything that is known of it.
                    status = Files.Status(handle, []);
                    entry = await DescribeAsync(name, path, status, handle, cancellationToken);
                    if (_contents.IsSmall(status)) small = await _contents.TryReadSmallAsync(handle, status, path, isLast: true, cancellationToken);
                }

                content = WithAttributes(small ?? _contents.ReadLarge(handle, status, path, cancellationToken), status, entry);
                if (small is null) handle = null; // the worker's now
            }

            _linked.Add(status, content);
        }
        catch (FileSystemException failure)
        {
            if (failure.Error == Errno.NoEntry)
            {
                issues.Add(path, failure.Operation, Vanished);
                return;
            }

            issues.Add(path, failure.Operation, handle is null && failure.Error == Errno.WouldBlock ? Leased : failure.Reason);
            entry = EntryOf.Status(name, status, [], 0, HardLinkDevice(status), default, isUnreadable: true);
            content = Task.FromResult(new CapturedContent(null, status.Size, false, FileMoment.Of(status)));
        }
        finally
        {
            handle?.Dispose();
        }

        counters.AddFile(status.Size);
        if (isKnown) counters.Unchanged++;
        else counters.AddRead(before is { Type: TreeEntryType.RegularFile });
        await steps.WriteAsync(new CapturedEntry(entry, content, path), cancellationToken);
    }

    /// <summary>
    /// What another name of an unchanged file led to, where that is as good as what is known of this one: where there are no birth times, a restore takes entries of equal
    /// content for one file. Large files need no such care, they are the same chunks whenever they are read.
    /// </summary>
    private Task<CapturedContent>? KnownContent(in FileStatus status) =>
        status.Links > 1 && _contents.IsSmall(status) && _linked.Find(status) is { } known && (!known.IsCompletedSuccessfully || known.Result is { Content: not null, Changed: false }) ? known : null;

    /// <summary>
    /// Of a file with several names the content brings the attributes that were described with it, as it brings mode and owner: a further name would have the access list of a
    /// later moment with the mode of an earlier one, which together may let in who never was let in.
    /// </summary>
    private static Task<CapturedContent> WithAttributes(Task<CapturedContent> content, in FileStatus status, TreeEntry described)
    {
        return status.Links < 2 ? content : AddAsync(content, CapturedAttributes.Of(described));

        static async Task<CapturedContent> AddAsync(Task<CapturedContent> content, CapturedAttributes attributes)
        {
            var captured = await content;
            return captured.Attributes is null ? captured with { Attributes = attributes } : captured;
        }
    }

    private async ValueTask OtherAsync(OpenedDirectory above, byte[] name, TreePath path, FileStatus status, CancellationToken cancellationToken)
    {
        TreeEntry entry;
        try
        {
            // All by one handle: the name may be given to another at any moment, as ..data of a mounted configMap is.
            using var handle = Files.Open(above.Handle, name, OpenFlags.PathOnly);
            var now = Files.Status(handle, []);
            if (now.Type is null or TreeEntryType.RegularFile or TreeEntryType.Directory)
            {
                above.IsIncomplete = true;
                issues.Add(path, "open", Replaced);
                return;
            }

            status = now;
            entry = await DescribeAsync(name, path, status, handle, cancellationToken);
        }
        catch (FileSystemException failure)
        {
            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Reason);
            above.IsIncomplete |= failure.Error != Errno.NoEntry;
            return;
        }

        if (status.Type == TreeEntryType.SymbolicLink) counters.Symlinks++;
        else counters.Others++;
        await steps.WriteAsync(new CapturedEntry(entry, null, path), cancellationToken);
    }

    /// <summary>The entry without content. Whatever cannot be read of it is an issue, and the entry is marked, so that the next backup does not take it for all there is.</summary>
    private async ValueTask<TreeEntry> DescribeAsync(byte[] name, TreePath path, FileStatus status, DirectoryHandle handle, CancellationToken cancellationToken)
    {
        var (attributes, inodeFlags, isComplete) = await _attributes.ReadAsync(handle, status, path, cancellationToken);
        ReadOnlyMemory<byte> target = default;
        var isUnreadable = false;
        if (status.Type == TreeEntryType.SymbolicLink)
        {
            target = Files.LinkTarget(handle, []);
            if (TreeLimits.CheckLinkTarget(target.Span) is { } why)
            {
                issues.Add(path, "readlink", $"it cannot be stored: {why}");
                target = default;
                isUnreadable = true;
            }
        }

        // Nothing but regular files is ever taken from the parent.
        return EntryOf.Status(name, status, attributes, inodeFlags, HardLinkDevice(status), target, isUnreadable, isPartial: !isComplete && status.Type == TreeEntryType.RegularFile);
    }

    private ulong? HardLinkDevice(in FileStatus status) => status.Links > 1 && status.Type != TreeEntryType.Directory ? Ordinal(status.Device) : null;

    private ulong Ordinal(ulong device)
    {
        if (_deviceOrdinals.TryGetValue(device, out var ordinal)) return ordinal;
        ordinal = (ulong)_deviceOrdinals.Count;
        _deviceOrdinals.Add(device, ordinal);
        return ordinal;
    }
}
