using System.Threading.Channels;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The walk: every entry below the source in a fixed order (names by their bytes, a directory's content where its name
/// is), relative to open directory handles. What a regular file holds is read here when it is small, by workers when not.
/// </summary>
internal sealed class TreeCapture(
    BackupRequest request, ChunkRepository repository, WriteSession session, ParentTree? parent, WorkerPool workers,
    CaptureCounters counters, IssueList issues, MountRules mounts, CancellationToken stop)
{
    private const string Vanished = "it vanished before it could be read";
    private const string Replaced = "it became something else while it was read";

    /// <summary>A longer value of an extended attribute is a chunk of its own: ext4 holds none without its ea_inode feature.</summary>
    private const int InlineAttributeLimit = 4096;

    /// <summary>What the values of one entry may take before nearly all of them become chunks: an entry must fit a page.</summary>
    private const int InlineAttributesLimit = 128 << 10;
    private const int SmallAttribute = 64;

    private static readonly byte[] CacheTagName = "CACHEDIR.TAG"u8.ToArray();

    private readonly RepositoryParameters _parameters = repository.Config.Parameters;
    private readonly BundleWriter _bundles = new(session, repository.Config.Parameters.Bundles, workers.Run, stop);
    private readonly FileReader _files = new(session, new FastCdc(repository.Gear, repository.Config.Parameters.Chunker), workers, counters.AddBytesDone);
    private readonly PathPatterns _excludes = new(request.Excludes);
    private readonly LinkedContents _linked = new();
    private readonly Dictionary<ulong, ulong> _deviceOrdinals = [];

    /// <summary>Bytes for the names of one directory: they are sorted in memory.</summary>
    private readonly long _mostNames = (request.Memory > 0 ? request.Memory : WorkerCount.ProcessMemory) / 2;
    private readonly byte[] _small = new byte[repository.Config.Parameters.Bundles.FileLimit + 1];

    private sealed record Frame(DirectoryHandle Handle, IReadOnlyList<byte[]> Names, TreePath Path, ulong MountId) : IDisposable
    {
        public int Next { get; set; }

        /// <summary>The same directory in the parent snapshot.</summary>
        public TreeCursor? Before { get; set; }

        /// <summary>The names were asked for one by one: no rule leaves them out.</summary>
        public bool IsNamed { get; init; }

        /// <summary>Something in it has no entry although it is there. A restore that removes what the snapshot does not have must know.</summary>
        public bool IsIncomplete { get; set; }

        public void Dispose() => Handle.Dispose();
    }

    /// <summary>Walks the tree into a channel. The first entry is the source's directory itself, with an empty name.</summary>
    public async Task WalkAsync(DirectoryHandle root, byte[]? only, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        var status = Files.Status(root, []);
        _deviceOrdinals.Add(status.Device, 0);
        mounts.Begin(status);
        var stack = new Stack<Frame>();
        try
        {
            await WriteAsync(output, new CapturedEntry(await DescribeAsync(root, [], TreePath.Root, status, root, null, false, cancellationToken), null, TreePath.Root), cancellationToken);
            counters.Directories++;
            stack.Push(new Frame(root, only is null ? Files.Names(root, most: _mostNames) : [only], TreePath.Root, status.MountId) { Before = parent?.Tree.OpenCursor(parent.Root), IsNamed = only is not null });
            while (stack.TryPeek(out var frame))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (frame.Next == frame.Names.Count)
                {
                    stack.Pop();
                    if (stack.Count > 0) frame.Dispose(); // the root's handle is the caller's
                    await WriteAsync(output, frame.IsIncomplete ? CapturedEntry.EndOfIncompleteDirectory : CapturedEntry.EndOfDirectory, cancellationToken);
                    continue;
                }

                var name = frame.Names[frame.Next++];
                await VisitAsync(frame, name, stack, output, cancellationToken);
                await workers.ThrottleAsync();
            }

            _bundles.Close();
            counters.WalkDone = true;
        }
        catch (Exception exception)
        {
            _bundles.Abandon(exception);
            throw;
        }
        finally
        {
            while (stack.TryPop(out var open))
            {
                if (stack.Count > 0) open.Dispose();
            }
        }
    }

    /// <summary>The one way into the queue: what is put there counts against the open bundle, whatever it is.</summary>
    private ValueTask WriteAsync(ChannelWriter<CapturedEntry> output, CapturedEntry step, CancellationToken cancellationToken)
    {
        _bundles.Step();
        return output.WriteAsync(step, cancellationToken);
    }

    private async ValueTask VisitAsync(Frame frame, byte[] name, Stack<Frame> stack, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        var path = frame.Path.Below(name);
        if (!frame.IsNamed && _excludes.Matches(path)) return;
        FileStatus status;
        try
        {
            status = Files.Status(frame.Handle, name, mounts.IsLocal);
        }
        catch (FileSystemException failure)
        {
            if (request.OneFileSystem && !frame.IsNamed && Files.MountOf(frame.Handle, name) is { } mount && !mounts.Allow(frame.MountId, mount))
            {
                // Not even its owner can be told: somebody's own file system, or one whose server is gone. It is not of the source.
                frame.IsIncomplete = true;
                mounts.LeaveOut(path, mount);
                return;
            }

            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Reason);
            frame.IsIncomplete |= failure.Error != Errno.NoEntry;
            return;
        }

        if (status.Type is not { } type)
        {
            frame.IsIncomplete = true;
            issues.Add(path, "statx", $"unknown type of file (mode {Convert.ToString(status.Mode, 8)})");
            return;
        }

        if (!frame.IsNamed && !mounts.Allow(frame.MountId, status.MountId))
        {
            await LeaveOutAsync(frame, name, path, status, output, cancellationToken);
            return;
        }

        var before = await FindBeforeAsync(frame, name, cancellationToken);
        if (type == TreeEntryType.Directory && stack.Count >= TreeLimits.MaxDepth)
        {
            issues.Add(path, "open", $"directories are nested deeper than {TreeLimits.MaxDepth}: what is in this one is left out (back it up as a source of its own)");
            await KeepEmptyAsync(frame, name, path, status, isUnreadable: true, output, cancellationToken);
        }
        else if (type == TreeEntryType.Directory) await EnterAsync(frame, name, path, status, before, stack, output, cancellationToken);
        else if (type == TreeEntryType.RegularFile) await ReadFileAsync(frame, name, path, status, before, output, cancellationToken);
        else await OtherAsync(frame, name, path, status, output, cancellationToken);
    }

    /// <summary>The cursor at the entry of that name in the parent; null when there is none.</summary>
    private static async ValueTask<TreeCursor?> FindBeforeAsync(Frame frame, byte[] name, CancellationToken cancellationToken)
    {
        try
        {
            return frame.Before is not null && await frame.Before.SeekAsync(name, cancellationToken) ? frame.Before : null;
        }
        catch (RepositoryException)
        {
            // A damaged parent spares no reading: from here on this directory is read as if it were new. A check names the damage.
            frame.Before = null;
            return null;
        }
    }

    /// <summary>
    /// The directory under a mount cannot be seen. What is mounted there lends its owner and mode, so that a restore has a place to mount it again;
    /// a mounted file is left out. Nothing more is asked of it: it may not answer.
    /// </summary>
    private async ValueTask LeaveOutAsync(Frame frame, byte[] name, TreePath path, FileStatus status, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        mounts.LeaveOut(path, status.MountId);
        if (status.Type == TreeEntryType.Directory) await KeepEmptyAsync(frame, name, path, status, isUnreadable: false, output, cancellationToken);
        else frame.IsIncomplete = true;
    }

    private async ValueTask KeepEmptyAsync(Frame frame, byte[] name, TreePath path, FileStatus status, bool isUnreadable, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        counters.Directories++;
        await WriteAsync(output, new CapturedEntry(await DescribeAsync(frame.Handle, name, path, status, null, null, isUnreadable, cancellationToken, withoutAttributes: true), null, path), cancellationToken);
        await WriteAsync(output, CapturedEntry.EndOfDirectory, cancellationToken);
    }

    private async ValueTask EnterAsync(Frame frame, byte[] name, TreePath path, FileStatus status, TreeCursor? before, Stack<Frame> stack, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        DirectoryHandle? handle = null;
        try
        {
            handle = Files.OpenToRead(frame.Handle, name);
            // The name may have been given to something else since it was looked at.
            var now = Files.Status(handle, []);
            if (now.Type != TreeEntryType.Directory)
            {
                frame.IsIncomplete = true;
                issues.Add(path, "open", Replaced);
                return;
            }

            if (!frame.IsNamed && !mounts.Allow(frame.MountId, now.MountId))
            {
                // Mounted since it was looked at, or by the look: network file systems do so.
                await LeaveOutAsync(frame, name, path, now, output, cancellationToken);
                return;
            }

            var names = Files.Names(handle, most: _mostNames);
            if (request.ExcludeCaches && IsCache(handle, names)) names = [CacheTagName];
            var entry = await DescribeAsync(frame.Handle, name, path, now, handle, null, false, cancellationToken);
            await WriteAsync(output, new CapturedEntry(entry, null, path), cancellationToken);
            counters.Directories++;
            var cursor = before is { Type: TreeEntryType.Directory } ? parent!.Tree.OpenCursor(before.ToEntry()) : null;
            stack.Push(new Frame(handle, names, path, now.MountId) { Before = cursor });
            handle = null;
        }
        catch (FileSystemException failure)
        {
            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Reason);
            if (failure.Error == Errno.NoEntry) return;
            // It is there but cannot be read: keep what is known of it.
            await KeepEmptyAsync(frame, name, path, status, isUnreadable: true, output, cancellationToken);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    private async ValueTask ReadFileAsync(Frame frame, byte[] name, TreePath path, FileStatus status, TreeCursor? before, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        if (before is not null && !request.ForceReread && parent!.IsUnchanged(before, status))
        {
            var old = before.ToEntry();
            if (await parent.IsLiveAsync(old, session, cancellationToken))
            {
                CountFile(status);
                counters.Unchanged++;
                counters.AddBytesDone(status.Size);
                // An equal change time means equal attributes too: they need not be read again.
                var kept = await DescribeAsync(frame.Handle, name, path, status, null, old, false, cancellationToken);
                var known = Task.FromResult(new CapturedContent(old.Content, old.Size, false));
                _linked.Add(status, known);
                await WriteAsync(output, new CapturedEntry(kept, known, path), cancellationToken);
                return;
            }
        }

        TreeEntry entry;
        Task<CapturedContent> content;
        DirectoryHandle? handle = null;
        try
        {
            handle = Files.OpenToRead(frame.Handle, name);
            var now = Files.Status(handle, []);
            if (now.Type != TreeEntryType.RegularFile)
            {
                frame.IsIncomplete = true;
                issues.Add(path, "open", Replaced);
                return;
            }

            status = now;
            entry = await DescribeAsync(frame.Handle, name, path, status, handle, null, false, cancellationToken);
            if (_linked.Find(status) is { } read)
            {
                content = read;
                counters.AddBytesDone(status.Size);
            }
            else if (status.Size <= _parameters.Bundles.FileLimit && !status.MayHaveHoles && TryReadSmall(handle, ref status, path) is { } small)
            {
                content = small;
            }
            else
            {
                content = ReadLarge(handle, status, path, cancellationToken);
                handle = null; // the worker's now
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

            issues.Add(path, failure.Operation, failure.Reason);
            entry = await DescribeAsync(frame.Handle, name, path, status, null, null, true, cancellationToken);
            content = Task.FromResult(new CapturedContent(null, status.Size, false));
        }
        finally
        {
            handle?.Dispose();
        }

        CountFile(status);
        if (before is { Type: TreeEntryType.RegularFile }) counters.ChangedFiles++;
        else counters.NewFiles++;
        await WriteAsync(output, new CapturedEntry(entry, content, path), cancellationToken);
    }

    private void CountFile(in FileStatus status)
    {
        counters.Files++;
        counters.BytesSeen += status.Size;
    }

    /// <summary>Reads a small file here and now; null, with its new status, when it has become a large one.</summary>
    private Task<CapturedContent>? TryReadSmall(DirectoryHandle handle, ref FileStatus status, TreePath path)
    {
        const int tries = 2;
        for (var attempt = 1; ; attempt++)
        {
            // One byte more than it should have shows that it grew.
            var length = Files.ReadAt(handle, _small, 0);
            var after = Files.Status(handle, []);
            var changed = length != status.Size || after.Size != status.Size || after.Modified != status.Modified || after.Changed != status.Changed;
            if (changed && attempt < tries)
            {
                status = after;
                if (after.Size > _parameters.Bundles.FileLimit) return null;
                continue;
            }

            if (changed)
            {
                issues.Add(path, "read", "it changed while it was read");
                length = Math.Min(length, _parameters.Bundles.FileLimit);
            }

            counters.AddBytesDone(length);
            var bytes = _small.AsSpan(0, length);
            if (length == 0) return Task.FromResult(new CapturedContent(EmptyContent.Instance, 0, changed, status));
            if (length <= _parameters.InlineFileLimit) return Task.FromResult(new CapturedContent(new InlineContent(bytes.ToArray()), length, changed, status));
            var slice = _bundles.Add(bytes);
            return changed || attempt > 1 ? MarkAsync(slice, changed, status) : slice;
        }

        static async Task<CapturedContent> MarkAsync(Task<CapturedContent> content, bool changed, FileStatus status) => await content with { Changed = changed, Status = status };
    }

    private Task<CapturedContent> ReadLarge(DirectoryHandle handle, FileStatus status, TreePath path, CancellationToken cancellationToken)
    {
        var result = new TaskCompletionSource<CapturedContent>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = workers.Run(async () =>
        {
            using (handle)
            {
                try
                {
                    var content = await _files.ReadAsync(handle, status, cancellationToken);
                    var after = Files.Status(handle, []);
                    if (HasChanged(status, after, content))
                    {
                        status = after;
                        content = await _files.ReadAsync(handle, after, cancellationToken) with { Status = after };
                        if (HasChanged(after, Files.Status(handle, []), content))
                        {
                            issues.Add(path, "read", "it changed while it was read");
                            content = content with { Changed = true };
                        }
                    }

                    result.TrySetResult(content);
                }
                catch (FileSystemException failure)
                {
                    issues.Add(path, failure.Operation, failure.Reason);
                    result.TrySetResult(new CapturedContent(null, status.Size, false));
                }
                catch (Exception exception)
                {
                    // The assembler waits for this content and ends the run with the reason.
                    result.TrySetException(exception);
                }
            }
        });
        return result.Task;

        static bool HasChanged(in FileStatus before, in FileStatus after, CapturedContent content) =>
            before.Size != after.Size || before.Modified != after.Modified || before.Changed != after.Changed || content.Size != after.Size;
    }

    private async ValueTask OtherAsync(Frame frame, byte[] name, TreePath path, FileStatus status, ChannelWriter<CapturedEntry> output, CancellationToken cancellationToken)
    {
        TreeEntry entry;
        try
        {
            entry = await DescribeAsync(frame.Handle, name, path, status, null, null, false, cancellationToken);
        }
        catch (FileSystemException failure)
        {
            issues.Add(path, failure.Operation, failure.Error == Errno.NoEntry ? Vanished : failure.Error == Errno.Invalid ? Replaced : failure.Reason);
            frame.IsIncomplete |= failure.Error != Errno.NoEntry;
            return;
        }

        if (status.Type == TreeEntryType.SymbolicLink) counters.Symlinks++;
        else counters.Others++;
        await WriteAsync(output, new CapturedEntry(entry, null, path), cancellationToken);
    }

    /// <summary>The entry without content. Attributes come from the handle, from an older entry, or by name.</summary>
    private async ValueTask<TreeEntry> DescribeAsync(
        DirectoryHandle directory, byte[] name, TreePath path, FileStatus status, DirectoryHandle? handle, TreeEntry? attributesOf, bool unreadable, CancellationToken cancellationToken, bool withoutAttributes = false)
    {
        var type = status.Type!.Value;
        var attributes = attributesOf?.ExtendedAttributes ?? [];
        uint inodeFlags = attributesOf?.InodeFlags ?? 0;
        if (attributesOf is null && !unreadable && !withoutAttributes)
        {
            try
            {
                attributes = await StoredAsync(handle is not null ? Files.Attributes(handle) : Files.Attributes(directory, name), cancellationToken);
                // Only flags that a user sets: the others say how the file system stores the file.
                const uint settable = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x00800000 | 0x10000 | 0x20000 | 0x4000;
                if (handle is not null) inodeFlags = (Files.InodeFlags(handle) ?? 0) & settable;
            }
            catch (FileSystemException failure)
            {
                issues.Add(path, failure.Operation, failure.Reason);
            }
        }

        return new TreeEntry
        {
            Type = type,
            Name = name,
            Mode = status.Permissions,
            UserId = status.UserId,
            GroupId = status.GroupId,
            Modified = status.Modified,
            Changed = status.Changed,
            Birth = status.Birth,
            Inode = status.Inode,
            HardLinkDevice = status.Links > 1 && type != TreeEntryType.Directory ? Ordinal(status.Device) : null,
            InodeFlags = inodeFlags,
            ExtendedAttributes = attributes,
            UnreadableContent = unreadable,
            Size = type == TreeEntryType.RegularFile ? status.Size : 0,
            Content = type == TreeEntryType.RegularFile ? EmptyContent.Instance : null,
            Directory = type == TreeEntryType.Directory ? EmptyDirectory.Instance : null,
            LinkTarget = type == TreeEntryType.SymbolicLink ? Files.LinkTarget(directory, name) : default,
            DeviceMajor = type is TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice ? status.RdevMajor : 0,
            DeviceMinor = type is TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice ? status.RdevMinor : 0,
        };
    }

    /// <summary>Large values become chunks, so that an entry stays small whatever a file carries.</summary>
    private async ValueTask<IReadOnlyList<ExtendedAttribute>> StoredAsync(List<ExtendedAttribute> attributes, CancellationToken cancellationToken)
    {
        if (attributes.Count == 0) return attributes;
        var limit = attributes.Sum(a => a.Length) > InlineAttributesLimit ? SmallAttribute : InlineAttributeLimit;
        for (var i = 0; i < attributes.Count; i++)
        {
            if (attributes[i].Length <= limit) continue;
            var stored = await session.StoreAsync(ChunkKind.Data, attributes[i].Value, cancellationToken);
            attributes[i] = new ExtendedAttribute(attributes[i].Name, stored.Id, attributes[i].Length);
        }

        return attributes;
    }

    private ulong Ordinal(ulong device)
    {
        if (_deviceOrdinals.TryGetValue(device, out var ordinal)) return ordinal;
        ordinal = (ulong)_deviceOrdinals.Count;
        _deviceOrdinals.Add(device, ordinal);
        return ordinal;
    }

    private static bool IsCache(DirectoryHandle directory, List<byte[]> names)
    {
        if (!names.Exists(n => n.AsSpan().SequenceEqual(CacheTagName))) return false;
        var signature = "Signature: 8a477f597d28d172789f06886806bc55"u8;
        using var file = Files.TryOpen(directory, CacheTagName, OpenFlags.NonBlocking, 0, out _);
        Span<byte> start = stackalloc byte[43];
        return file is not null && Files.ReadAt(file, start, 0) == signature.Length && start.SequenceEqual(signature);
    }
}
