using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Looks at names for the walk, see <see cref="LookAhead"/>. It takes the plain cases, which are nearly all: whatever fails, changes while it is looked at, is large, has several
/// names or lies on another mount is left for the walk, which looks again and knows what to say of it. Thread-safe.
/// </summary>
internal sealed class NameScout(BackupRequest request, RepositoryParameters parameters, WriteSession session, ParentTree? parent, PathPatterns excludes, MountRules mounts, AheadBudget budget, long mostNames)
{
    /// <summary>Two files of the usual limit, and one byte.</summary>
    private const int PieceLength = (32 << 10) + 1;

    /// <summary>A longer value of an extended attribute may have to be stored as a chunk, which is not for those who look ahead.</summary>
    private const int PlainAttributes = 4096;

    private readonly int _fileLimit = Math.Min(parameters.Bundles.FileLimit, PieceLength - 1);
    private readonly ConcurrentBag<byte[]> _free = [];

    /// <summary>Looks at all names of a batch.</summary>
    public async ValueTask SeeAsync(NameBatch batch, CancellationToken cancellationToken)
    {
        var directory = batch.Directory;
        batch.Seen = new SeenName[batch.Count];
        if (directory.IsNamed) return;
        var cursor = directory.RentCursor(parent, batch.Start);
        for (var i = 0; i < batch.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = directory.Names[batch.Start + i];
            try
            {
                var path = directory.Path.Below(name);
                if (excludes.Matches(path))
                {
                    batch.Seen[i] = new SeenName(SeenKind.LeftOut);
                    continue;
                }

                if (TreeLimits.CheckName(name) is not null) continue;
                var status = Files.Status(directory.Handle, name, mounts.IsLocal);
                if (!IsPlain(directory, status)) continue;
                var before = cursor is null ? null : await cursor.FindAsync(name, batch.Start + i, cancellationToken);
                batch.Seen[i] = status.Type switch
                {
                    TreeEntryType.RegularFile when await IsUnchangedAsync(before, status, cancellationToken) => new SeenName(SeenKind.Unchanged, path, Keep(name, status, before!)),
                    TreeEntryType.RegularFile => ReadSmall(batch, directory, name, path, status, before),
                    TreeEntryType.Directory => new SeenName(SeenKind.Directory, Directory: new ClosedDirectory(directory, batch.Start + i, path, before is { Type: TreeEntryType.Directory } ? before : null)),
                    _ => SeeLink(directory, name, path, status),
                };
            }
            catch (FileSystemException)
            {
                // Left for the walk.
            }
            catch (RepositoryException)
            {
                // A damaged parent, or one that cannot be read, spares no reading. This name is left for the walk.
                batch.ParentLostFrom = batch.Start + i;
                cursor = null;
            }
        }

        directory.Return(cursor);
    }

    /// <summary>Opens and lists a directory; leaves it closed where the walk has to see for itself.</summary>
    public void Open(ClosedDirectory directory)
    {
        // The walk says so of one that lies too deep.
        if (directory.Path.Depth >= TreeLimits.MaxDepth) return;
        DirectoryHandle? handle = null;
        try
        {
            handle = Files.OpenToRead(directory.Above.Handle, directory.Name);
            var status = Files.Status(handle, []);
            if (status.Type != TreeEntryType.Directory || !IsSameMount(directory.Above, status)) return;
            var names = Files.Names(handle, most: Math.Min(mostNames, AheadBudget.MostNameBytes));
            if (request.ExcludeCaches && names.Exists(CacheTag.IsName)) return;
            var attributes = Files.Attributes(handle);
            if (!ArePlain(attributes)) return;
            var entry = EntryOf.Status(directory.Name, status, attributes, EntryOf.FlagsOf(handle), null, default, isUnreadable: false);
            var bytes = names.Sum(name => (long)name.Length + Files.NameOverhead);
            if (!budget.TryTakeBytes(bytes)) return;
            directory.Entry = entry;
            directory.Opened = new OpenedDirectory(handle, names, directory.Path, status.MountId, directory.Before, directory.Above, directory.Index) { AheadBytes = bytes };
            handle = null;
        }
        catch (FileSystemException)
        {
            // Left for the walk.
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Takes back the memory of a batch that the walk has gone through.</summary>
    public void Release(NameBatch batch)
    {
        batch.Seen = [];
        Drop(batch);
    }

    /// <summary>Takes back the memory of contents; the caller has made sure that nobody comes to them.</summary>
    public void Drop(NameBatch batch)
    {
        if (batch.Pieces is null) return;
        foreach (var piece in batch.Pieces) _free.Add(piece);
        batch.Pieces = null;
    }

    private bool IsPlain(OpenedDirectory directory, in FileStatus status) => status.OutOfRange is null && status.Type switch
    {
        TreeEntryType.Directory => IsSameMount(directory, status),
        TreeEntryType.RegularFile or TreeEntryType.SymbolicLink => status.Links == 1 && IsSameMount(directory, status),
        _ => false,
    };

    private bool IsSameMount(OpenedDirectory directory, in FileStatus status) => !request.OneFileSystem || status.MountId == directory.MountId;

    private async ValueTask<bool> IsUnchangedAsync(TreeEntry? before, FileStatus status, CancellationToken cancellationToken) =>
        before is not null && !request.ForceReread && parent!.IsUnchanged(before, status) && await parent.IsLiveAsync(before, session, cancellationToken);

    private SeenName ReadSmall(NameBatch batch, OpenedDirectory directory, byte[] name, TreePath path, in FileStatus status, TreeEntry? before)
    {
        if (status.Size > _fileLimit || status.MayHaveHoles) return default;
        // One byte more than it should have shows that it grew, or that its size says nothing, as in /proc and on some FUSE file systems.
        var length = (int)status.Size;
        if (Room(batch, length + 1) is not { } room) return default;
        using var file = Files.OpenToRead(directory.Handle, name);
        // The name may have been given to something else, a device say, of which nothing is to be asked.
        if (Files.Status(file, []) != status) return default;
        var attributes = Files.Attributes(file);
        if (!ArePlain(attributes)) return default;
        var flags = EntryOf.FlagsOf(file);
        if (Files.ReadStart(file, room.Span) != length || Files.Status(file, []) != status) return default;
        batch.Filled += length;
        var content = room[..length];
        return new SeenName(SeenKind.Content, path, EntryOf.Status(name, status, attributes, flags, null, default, isUnreadable: false), content) with { WasThere = before is { Type: TreeEntryType.RegularFile } };
    }

    private static SeenName SeeLink(OpenedDirectory directory, byte[] name, TreePath path, in FileStatus status)
    {
        // All by one handle: the name may be given to another link at any moment.
        using var link = Files.Open(directory.Handle, name, OpenFlags.PathOnly);
        if (Files.Status(link, []) != status) return default;
        var attributes = Files.AttributesOfNamed(link);
        var target = Files.LinkTarget(link, []);
        return ArePlain(attributes) && TreeLimits.CheckLinkTarget(target) is null
            ? new SeenName(SeenKind.Link, path, EntryOf.Status(name, status, attributes, 0, null, target, isUnreadable: false))
            : default;
    }

    private static bool ArePlain(List<ExtendedAttribute> attributes)
    {
        var length = 0L;
        foreach (var attribute in attributes) length += attribute.Length;
        return length <= PlainAttributes;
    }

    /// <summary>Room at the end of the batch's memory; null when there is to be no more of it.</summary>
    private Memory<byte>? Room(NameBatch batch, int length)
    {
        batch.Pieces ??= [];
        if (batch.Pieces.Count == 0 || batch.Filled + length > PieceLength)
        {
            if (!budget.TryTakeBytes(PieceLength)) return null;
            batch.Pieces.Add(_free.TryTake(out var piece) ? piece : GC.AllocateUninitializedArray<byte>(PieceLength));
            batch.ContentBytes += PieceLength;
            batch.Filled = 0;
        }

        return batch.Pieces[^1].AsMemory(batch.Filled, length);
    }

    /// <summary>What the file is now, with the content of before. An equal change time means equal attributes too: they need not be read again.</summary>
    private static TreeEntry Keep(byte[] name, in FileStatus status, TreeEntry before) =>
        EntryOf.Status(name, status, before.ExtendedAttributes, before.InodeFlags, null, default, isUnreadable: false).WithContent(before.Content!);
}
