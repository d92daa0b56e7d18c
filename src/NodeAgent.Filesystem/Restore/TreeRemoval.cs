using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Removes what a directory of the target holds and the snapshot does not. Links are removed and never followed; what is mounted
/// below, and what the restore leaves out, stays, and with it the directories that it is in.
/// </summary>
internal sealed class TreeRemoval(Func<TreePath, TreeEntryType, bool> isLeftOut, IssueList issues)
{
    private sealed record Frame(DirectoryHandle Handle, List<byte[]> Names, TreePath Path)
    {
        public int At { get; set; }

        public bool Stays { get; set; }
    }

    /// <summary>Told of each removal, or of what would be removed. What is in a directory comes before it.</summary>
    public Action<TreePath, TreeEntryType> Removed { get; init; } = static (_, _) => { };

    /// <summary>Only look.</summary>
    public bool DryRun { get; init; }

    /// <summary>Removes a name with all below it; false when something of it stays.</summary>
    /// <exception cref="FileSystemException">The file system cannot be written any more.</exception>
    public bool Remove(DirectoryHandle parent, byte[] name, TreePath path)
    {
        var mount = Files.Status(parent, []);
        var open = new Stack<Frame>();
        // The frame at the bottom is the parent with this one name; its handle belongs to the caller.
        open.Push(new Frame(parent, [name], null!));
        try
        {
            while (true)
            {
                var frame = open.Peek();
                if (frame.At < frame.Names.Count)
                {
                    Step(open, frame, path, mount);
                    continue;
                }

                if (open.Count == 1) return !frame.Stays;
                open.Pop();
                frame.Handle.Dispose();
                var above = open.Peek();
                if (frame.Stays || !TryRemove(above.Handle, above.Names[above.At - 1], frame.Path, TreeEntryType.Directory)) above.Stays = true;
            }
        }
        finally
        {
            while (open.Count > 1) open.Pop().Handle.Dispose();
        }
    }

    private void Step(Stack<Frame> open, Frame frame, TreePath top, in FileStatus mount)
    {
        var name = frame.Names[frame.At++];
        var path = frame.Path is null ? top : frame.Path.Below(name);
        try
        {
            var status = Files.Status(frame.Handle, name);
            var type = status.Type ?? TreeEntryType.RegularFile;
            if (isLeftOut(path, type))
            {
                frame.Stays = true;
            }
            else if (type != TreeEntryType.Directory)
            {
                if (!TryRemove(frame.Handle, name, path, type)) frame.Stays = true;
            }
            else if (status.Device != mount.Device || status.MountId != mount.MountId)
            {
                frame.Stays = true;
                issues.Add(path, "delete", "something is mounted there and stays (unmount it to have it removed)");
            }
            else
            {
                var handle = Files.Open(frame.Handle, name, OpenFlags.Directory);
                open.Push(new Frame(handle, Files.Names(handle), path));
            }
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            // Somebody else removed it.
        }
        catch (FileSystemException failure) when (failure.Error != Errno.ReadOnly)
        {
            frame.Stays = true;
            issues.Add(path, failure.Operation, $"the snapshot does not have it and it cannot be removed: {failure.Reason}");
        }
    }

    private bool TryRemove(DirectoryHandle parent, byte[] name, TreePath path, TreeEntryType type)
    {
        try
        {
            if (!DryRun) Files.Remove(parent, name, type == TreeEntryType.Directory);
            Removed(path, type);
            return true;
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NoEntry)
        {
            return true;
        }
        catch (FileSystemException failure) when (failure.Error != Errno.ReadOnly)
        {
            issues.Add(path, failure.Operation, $"the snapshot does not have it and it cannot be removed: {failure.Reason}");
            return false;
        }
    }
}
