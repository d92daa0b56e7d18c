using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>
/// A directory or file of a snapshot as a tar archive, for use without a restore. Names, modes, owners, times, hard and
/// symbolic links and devices are in it; extended attributes and holes are not, for which a restore is there.
/// </summary>
internal static class TarDump
{
    /// <returns>Whether all of it is in the archive that was in the directory when it was backed up; what tar has no form for does not count.</returns>
    public static async Task<bool> WriteAsync(SnapshotTree snapshot, TreeEntry start, byte[] startPath, Stream destination, CancellationToken cancellationToken)
    {
        var writer = new GnuTarWriter(destination);
        // Named from its last part on, as `tar -C parent name` does; the root has no name of its own.
        var name = startPath.AsSpan(startPath.AsSpan().LastIndexOf((byte)'/') + 1).ToArray();
        var firstNames = new Dictionary<HardLinkKey, byte[]>();
        var isComplete = !start.UnreadableContent;
        await AddAsync(snapshot, writer, start, name.Length == 0 ? "."u8.ToArray() : name, firstNames, destination, cancellationToken);
        if (start.Type == TreeEntryType.Directory)
        {
            await foreach (var (path, entry) in SnapshotWalk.BelowAsync(snapshot.Entries, start, name, recursive: true, cancellationToken))
            {
                await AddAsync(snapshot, writer, entry, path, firstNames, destination, cancellationToken);
                isComplete &= !entry.UnreadableContent;
            }
        }

        await writer.EndAsync(cancellationToken);
        return isComplete;
    }

    private static async Task AddAsync(
        SnapshotTree snapshot,
        GnuTarWriter writer,
        TreeEntry entry,
        byte[] path,
        Dictionary<HardLinkKey, byte[]> firstNames,
        Stream destination,
        CancellationToken cancellationToken)
    {
        if (entry.IsPart) StandardStreams.Warn($"{DisplayText.Name(path)}: parts of it are lost, and zeros stand in their place: the snapshot was repaired");
        if (entry.Type == TreeEntryType.Directory && entry.UnreadableContent)
        {
            StandardStreams.Warn($"{DisplayText.Name(path)}: what is in it, or some of it, could not be read when it was backed up");
        }
        else if (entry.Type == TreeEntryType.Socket || (entry.UnreadableContent && !entry.IsPart))
        {
            StandardStreams.Warn($"{DisplayText.Name(path)}: left out, {(entry.UnreadableContent ? "its content could not be read when it was backed up" : "tar has no sockets")}");
            return;
        }

        var header = new TarHeader
        {
            Type = TypeOf(entry.Type),
            Name = entry.Type == TreeEntryType.Directory ? (byte[])[.. path, (byte)'/'] : path,
            LinkTarget = entry.LinkTarget,
            Mode = entry.Mode,
            UserId = entry.UserId,
            GroupId = entry.GroupId,
            Size = entry.Type == TreeEntryType.RegularFile ? entry.Size : 0,
            ModifiedSeconds = entry.Modified.Seconds,
            DeviceMajor = entry.DeviceMajor,
            DeviceMinor = entry.DeviceMinor,
        };
        if (HardLinkKey.Of(entry) is { } key && !firstNames.TryAdd(key, path))
        {
            await writer.WriteHeaderAsync(header with { Type = GnuTarWriter.HardLink, LinkTarget = firstNames[key], Size = 0 }, cancellationToken);
            return;
        }

        await writer.WriteHeaderAsync(header, cancellationToken);
        if (header.Size == 0)
            return;
        await SnapshotContent.WriteAsync(snapshot, entry, destination, cancellationToken);
        await writer.WritePaddingAsync(header.Size, cancellationToken);
    }

    private static char TypeOf(TreeEntryType type) => type switch
    {
        TreeEntryType.Directory => GnuTarWriter.Directory,
        TreeEntryType.SymbolicLink => GnuTarWriter.SymbolicLink,
        TreeEntryType.CharacterDevice => GnuTarWriter.CharacterDevice,
        TreeEntryType.BlockDevice => GnuTarWriter.BlockDevice,
        TreeEntryType.Fifo => GnuTarWriter.Fifo,
        _ => GnuTarWriter.RegularFile,
    };
}
