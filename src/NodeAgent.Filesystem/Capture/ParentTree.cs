using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The snapshot that unchanged files are taken from. A file is unchanged when size, both times and inode are equal, it
/// was not written so shortly before the parent began that a later write could carry the same time, and all its chunks
/// are in the repository.
/// </summary>
internal sealed class ParentTree : IDisposable
{
    /// <summary>How coarse a file system's times may be: FAT has 2 s, the worst that is mounted anywhere.</summary>
    private const long RacySeconds = 2;

    private readonly ChunkReader _reader;
    private readonly FileTimestamp _racyFrom;

    public ParentTree(ChunkRepository repository, Snapshot parent)
    {
        _reader = repository.CreateReader();
        Tree = new TreeReader(new ParentPages(_reader.Source).ReadAsync, repository.Config.Parameters.Trees);
        Root = parent.Manifest.ReadRoot();
        Id = parent.Id;
        var start = FileTimestamp.From(parent.Manifest.Time);
        _racyFrom = new FileTimestamp(start.Seconds - RacySeconds, start.Nanoseconds);
    }

    public SnapshotId Id { get; }

    public TreeEntry Root { get; }

    public TreeReader Tree { get; }

    /// <summary>Whether all that is stored of a file still holds.</summary>
    public bool IsUnchanged(TreeEntry before, in FileStatus now) => !before.ChangedWhileRead && HasSameContent(before, now);

    /// <summary>
    /// Whether its content still holds. It may be marked all the same: a file that changed while it was read has a later change time than the one it was stored with, and
    /// than the parent's beginning, so that one with an equal and older time is marked because attributes of it could not be read. Those are to be read again.
    /// </summary>
    public bool HasSameContent(TreeEntry before, in FileStatus now) =>
        before.Type == now.Type && before.Size == now.Size && before.Modified == now.Modified && before.Changed == now.Changed
        && before.Inode == now.Inode && !before.UnreadableContent
        && before.Modified < _racyFrom && before.Changed < _racyFrom;

    /// <summary>Whether every chunk of a file is there: a chunk that was lost is then stored again.</summary>
    public ValueTask<bool> IsLiveAsync(TreeEntry file, WriteSession session, CancellationToken cancellationToken) =>
        file.Content is null || file.ExtendedAttributes.Any(a => a.Chunk is { } chunk && !session.Contains(chunk))
            ? ValueTask.FromResult(false)
            : IsLiveAsync(file.Content, session, cancellationToken);

    private async ValueTask<bool> IsLiveAsync(FileContent content, WriteSession session, CancellationToken cancellationToken)
    {
        switch (content)
        {
            case BundleSlice slice:
                return session.Contains(slice.Chunk);
            case ChunkList direct:
                return direct.Items.All(item => item.IsHole || session.Contains(item.Id));
            case IndirectList list:
                try
                {
                    // The lists themselves are chunks too; one may be readable and yet be about to go.
                    var listsStay = true;
                    await foreach (var item in Tree.ReadListAsync(list, (id, _) => listsStay &= session.Contains(id), cancellationToken))
                    {
                        if (!listsStay || (!item.IsHole && !session.Contains(item.Id))) return false;
                    }

                    return listsStay;
                }
                catch (RepositoryException)
                {
                    return false; // the list itself is lost: read the file again
                }

            default:
                return true;
        }
    }

    public void Dispose() => _reader.Dispose();
}
