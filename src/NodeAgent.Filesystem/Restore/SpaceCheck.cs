using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Finds out before the first byte is written that a restore cannot fit. What the snapshot says of its size is enough when
/// that fits; only when it does not, the entries are looked at: holes and further names of a file take no space. A target in memory has, beside its own size,
/// the limit of this process.
/// </summary>
internal sealed class SpaceCheck(RestoreRequest request, TreeReader tree)
{
    private readonly RestoreSelection _selection = new(request);

    /// <exception cref="IOException">It does not fit. Nothing was written.</exception>
    public async Task EnsureAsync(DirectoryHandle target, SnapshotManifest snapshot, TreeEntry wanted, CancellationToken cancellationToken)
    {
        var drive = new DriveInfo(request.TargetPath);
        if (request.VolatileLimit is { } limit && snapshot.Stats.Bytes > limit && drive.DriveFormat is "tmpfs" or "ramfs" && await TryNeededAsync(wanted, cancellationToken) is { } data && data > limit)
        {
            throw new IOException(
                $"{request.TargetPath}: the restore needs {FileSize(data)}, the volume is in memory, and what is written there counts as this program's own, which has {FileSize(limit)} for it; nothing was written (give it a higher memory limit, or back up less of the volume)");
        }

        // Files that are there may be replaced or kept, so that what will be needed is not known; a fresh volume holds lost+found.
        if (Files.Names(target).Exists(name => !name.AsSpan().SequenceEqual("lost+found"u8))) return;
        var free = drive.AvailableFreeSpace;
        if (snapshot.Stats.Bytes <= free) return;
        if (await TryNeededAsync(wanted, cancellationToken) is { } needed && needed > free)
        {
            throw new IOException(
                $"{request.TargetPath}: the restore needs {FileSize(needed)} and {FileSize(free)} are free, nothing was written (free some space, restore a part of it, or ignore it with --ignore-free-space)");
        }
    }

    private async Task<long?> TryNeededAsync(TreeEntry wanted, CancellationToken cancellationToken)
    {
        try
        {
            return await NeededAsync(wanted, cancellationToken);
        }
        catch (RepositoryException)
        {
            return null; // the restore itself reports what is damaged, and restores the rest
        }
    }

    private async Task<long> NeededAsync(TreeEntry wanted, CancellationToken cancellationToken)
    {
        var linked = new HashSet<HardLinkKey>();
        if (wanted.Type != TreeEntryType.Directory) return await DataOfAsync(wanted, linked, cancellationToken);
        var needed = 0L;
        var open = new Stack<(TreeCursor Entries, TreePath Path, RestoreSelection.Scope Scope)>();
        open.Push((tree.OpenCursor(wanted), TreePath.Root, _selection.Top));
        while (open.TryPeek(out var frame))
        {
            if (!await frame.Entries.MoveNextAsync(cancellationToken))
            {
                open.Pop();
                continue;
            }

            var path = frame.Path.Below(frame.Entries.Name.ToArray());
            if (_selection.Enter(frame.Scope, path, frame.Entries.Type) is not { } scope) continue;
            if (frame.Entries.Type == TreeEntryType.Directory && open.Count < TreeLimits.MaxDepth) open.Push((tree.OpenCursor(frame.Entries.ToEntry()), path, scope));
            else if (frame.Entries.Type == TreeEntryType.RegularFile) needed += await DataOfAsync(frame.Entries.ToEntry(), linked, cancellationToken);
        }

        return needed;
    }

    private async ValueTask<long> DataOfAsync(TreeEntry file, HashSet<HardLinkKey> linked, CancellationToken cancellationToken)
    {
        if (HardLinkKey.Of(file) is { } key && !linked.Add(key)) return 0;
        switch (file.Content)
        {
            case InlineContent or BundleSlice:
                return file.Size;
            case ChunkList or IndirectList:
                var data = 0L;
                await foreach (var item in tree.ReadContentAsync(file.Content, cancellationToken))
                {
                    if (!item.IsHole) data += item.Length;
                }

                return data;
            default:
                return 0;
        }
    }

    private static string FileSize(long bytes) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1048576.0:N1} MiB");
}
