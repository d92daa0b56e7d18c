using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Makes a single entry that is no directory in an open directory: under a temporary name, which becomes its own when it is complete; or, where the request
/// allows it, by changing what is there. For many workers at once.
/// </summary>
internal sealed class EntryRestore(RestoreRequest request, TargetNames names, EntryWriters writers, RestoreReport report)
{
    private readonly ConcurrentQueue<(LinkSource Source, TreeEntry Entry)> _laterFlags = new();

    /// <summary>Restores one entry under its name. Null when it was not made or is left as it is, or has one name only.</summary>
    public async Task<LinkSource?> RestoreAsync(RestoredDirectory directory, TreeEntry entry, TreePath path, SharedBatch? batch, bool isLinked, CancellationToken cancellationToken)
    {
        var parent = directory.Handle;
        // In a directory that this run made there is nothing yet.
        var there = directory.WasThere ? ExistingFiles.At(parent, entry.Name.Span) : null;
        var choice = names.Existing.Choose(there, entry);
        if (choice == ExistingChoice.Keep)
        {
            if (entry.IsPart) report.Issues.Add(path, "restore", "parts of it are lost, and what is in its place stays (move it away to get what was saved)");
            Skip(path);
            return null;
        }

        if (entry.IsPart)
        {
            report.Issues.Add(path, "restore", "parts of it are lost, and zeros stand in their place: the snapshot was repaired");
        }
        else if (entry.UnreadableContent)
        {
            report.Issues.Add(path, "restore", "its content could not be read when it was backed up", isMetadataOnly: true);
            return null;
        }

        if (choice != ExistingChoice.Write && await TryReuseAsync(parent, entry, path, there!.Value, choice, cancellationToken))
            return isLinked ? new LinkSource(path, there.Value.Device, there.Value.Inode) : null;
        var temporary = names.Temporaries.Next();
        try
        {
            DirectoryHandle? file = null;
            try
            {
                if (entry.Type == TreeEntryType.RegularFile)
                {
                    file = Files.Open(parent, temporary, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, ModeAtFirst(directory, entry));
                    await writers.Contents.WriteAsync(file, entry, batch?.Chunks, cancellationToken);
                    if (directory.PassesOnAccess) MetadataWriter.RemoveAccessLists(file);
                    await writers.Metadata.ApplyAsync(file, entry, path, cancellationToken);
                }
                else
                {
                    if (!MakeOther(parent, temporary, entry, path)) return null;
                    file = Files.Open(parent, temporary, OpenFlags.PathOnly);
                    if (Files.Status(file, []).Type != entry.Type) throw new FileSystemException("open", Errno.Exists);
                    await writers.Metadata.ApplyToNamedAsync(file, entry, path, cancellationToken);
                }

                var made = isLinked ? Files.Status(file, []) : default;
                if (!Publish(parent, temporary, entry, path)) return null;
                var source = isLinked ? new LinkSource(path, made.Device, made.Inode) : null;
                if (entry.Type == TreeEntryType.RegularFile)
                {
                    // An immutable file takes no further names.
                    if (source is null) writers.Metadata.ApplyFlags(file, entry, path);
                    else if (entry.InodeFlags != 0) _laterFlags.Enqueue((source, entry));
                    Interlocked.Add(ref report.Counts.Bytes, entry.Size);
                }

                report.Counts.Count(entry.Type == TreeEntryType.RegularFile);
                // The content of longer ones is on its way to the disk already.
                await writers.Flush.AddAsync(EarlyFlush.CostOfFile(entry.Content is not WholeHole && entry.Size < ContentWriter.ShortestWriteback ? entry.Size : 0), cancellationToken);
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
    /// Adds a further name. False when that cannot be (the file system takes no more names, or the first name is gone): the
    /// entry carries its content and is then restored as a file of its own.
    /// </summary>
    public bool TryLink(DirectoryHandle target, RestoredDirectory directory, TreeEntry entry, TreePath path, LinkSource source)
    {
        var parent = directory.Handle;
        if (directory.WasThere && ExistingFiles.At(parent, entry.Name.Span) is { } there)
        {
            if (there.Device == source.Device && there.Inode == source.Inode)
            {
                Interlocked.Increment(ref report.Counts.Unchanged);
                report.Counts.Count(entry.Type == TreeEntryType.RegularFile);
                return true;
            }

            if (!names.Existing.MayReplace(there, entry))
            {
                Skip(path);
                return true;
            }
        }

        var temporary = names.Temporaries.Next();
        try
        {
            using var file = source.Open(target, OpenFlags.PathOnly);
            Files.Link(file, parent, temporary);
        }
        catch (FileSystemException failure) when (!failure.FailsWhatFollows)
        {
            report.Issues.Add(path, failure.Operation, $"it cannot be one file with {source.Path} here and becomes a file of its own: {failure.Reason}");
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

        report.Counts.Count(entry.Type == TreeEntryType.RegularFile);
        return true;
    }

    /// <summary>Applies the flags of files with several names, once all names are there.</summary>
    public void ApplyLaterFlags(DirectoryHandle target, Action<TreePath, FileSystemException> onFailure)
    {
        foreach (var (source, entry) in _laterFlags)
        {
            try
            {
                using var file = source.Open(target, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
                writers.Metadata.ApplyFlags(file, entry, source.Path);
            }
            catch (FileSystemException failure)
            {
                onFailure(source.Path, failure);
            }
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
                await writers.Contents.UpdateAsync(file, status.Size, entry, cancellationToken);
                await writers.Metadata.ApplyAsync(file, entry, path, cancellationToken);
            }
            else if (choice == ExistingChoice.Same && !MetadataWriter.IsAsRecorded(file, status, entry))
            {
                if (there.Links != 1) return false;
                MetadataWriter.RemoveSurplus(file, entry);
                await writers.Metadata.ApplyAsync(file, entry, path, cancellationToken);
            }

            writers.Metadata.ApplyFlags(file, entry, path);
        }

        Interlocked.Increment(ref report.Counts.Files);
        Interlocked.Add(ref report.Counts.Bytes, entry.Size);
        if (choice != ExistingChoice.Update)
        {
            Interlocked.Increment(ref report.Counts.Unchanged);
            writers.Contents.Pass(entry.Size);
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
            catch (FileSystemException refused) when (refused.Error is Errno.NotEmpty or Errno.Exists)
            {
                if (!request.Delete || !names.Removal.Remove(parent, entry.Name.ToArray(), path, new RestoreSelection.Scope(true, true)))
                {
                    RemoveTemporary(parent, temporary);
                    report.Issues.Add(path, "rename", "a directory that is not empty is in its place (move it away, or restore elsewhere)");
                    return false;
                }
            }

            Files.Rename(parent, temporary, entry.Name.Span);
            return true;
        }
    }

    /// <summary>
    /// Its own mode where nobody can come to it yet, since the directory is this run's and closed, and where no change of owner would take bits away; else one
    /// that keeps everybody out until it is complete. Set-id bits are never given to a file that is still written.
    /// </summary>
    private static uint ModeAtFirst(RestoredDirectory directory, TreeEntry entry) =>
        !directory.WasThere && entry.UserId == Files.User && entry.GroupId == Files.Group ? (entry.Mode & 0x1ff) | 0x180 : 0x180;

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
                report.Issues.Add(path, "restore", "device nodes are not wanted here");
                return false;
        }
    }

    private void Skip(TreePath path)
    {
        Interlocked.Increment(ref report.Counts.Skipped);
        if (request.Overwrite == OverwritePolicy.Fail) report.Issues.Add(path, "restore", "it is there already and was left as it is");
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
}
