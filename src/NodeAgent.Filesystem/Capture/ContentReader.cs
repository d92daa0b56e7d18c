using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Reads what regular files hold: small ones here and now, on the walk's thread, large ones by workers. What changes while it is read is read once more; what changed since the
/// walk looked at it is looked at again first.
/// </summary>
internal sealed class ContentReader(
    ChunkRepository repository, WriteSession session, WorkerPool workers, BundleWriter bundles, CaptureCounters counters, IssueList issues)
{
    /// <summary>Chunks of usual length from which a file is read in turn with others of its kind, each by several workers.</summary>
    private const int LongInChunks = 64;

    private const string ChangedWhileRead = "it changed while it was read";

    private readonly RepositoryParameters _parameters = repository.Config.Parameters;
    private readonly FileReader _files = new(session, new FastCdc(repository.Gear, repository.Config.Parameters.Chunker), workers, counters.AddBytesDone);
    private readonly AttributeReader _attributes = new(session, issues);
    private readonly byte[] _small = new byte[repository.Config.Parameters.Bundles.FileLimit + 1];

    /// <summary>Bytes from which a file counts as long.</summary>
    public static long LongFrom(RepositoryParameters parameters) => LongInChunks * (long)parameters.Chunker.AverageSize;

    /// <summary>Whether a file is read as a whole, on the walk's thread.</summary>
    public bool IsSmall(in FileStatus status) => status.Size <= _parameters.Bundles.FileLimit && !status.MayHaveHoles;

    /// <summary>Reads a small file here and now; null when it changed, unless this is the last try, and when there is more of it than its size says.</summary>
    public async ValueTask<Task<CapturedContent>?> TryReadSmallAsync(DirectoryHandle handle, FileStatus status, TreePath path, bool isLast, CancellationToken cancellationToken)
    {
        // One byte more than it should have shows that it grew.
        var length = Files.ReadAt(handle, _small, 0);
        if (length > _parameters.Bundles.FileLimit) return null;
        var after = Files.Status(handle, []);
        var moment = FileMoment.Of(status);
        var hasChanged = HasChanged(status, after);
        // A size of 0 is that of files whose size the file system does not know.
        var isUnsized = !hasChanged && status.Size == 0 && length > 0;
        var changed = hasChanged || (length != status.Size && !isUnsized);
        if (changed && !isLast) return null;
        CapturedAttributes? attributes = null;
        if (changed)
        {
            issues.Add(path, "read", ChangedWhileRead);
            (moment, attributes) = (moment.WithAccessOf(after), await AttributesAsync(handle, status, path, cancellationToken));
        }

        counters.AddBytesDone(length);
        return CaptureAsync(_small.AsSpan(0, length), new CapturedContent(null, length, changed || isUnsized, moment) { Attributes = attributes });
    }

    private Task<CapturedContent> CaptureAsync(ReadOnlySpan<byte> bytes, CapturedContent captured)
    {
        if (bytes.Length == 0) return Task.FromResult(captured with { Content = EmptyContent.Instance });
        return bytes.Length <= _parameters.InlineFileLimit ? Task.FromResult(captured with { Content = new InlineContent(bytes.ToArray()) }) : SliceAsync(bundles.Add(bytes), captured);

        static async Task<CapturedContent> SliceAsync(PendingSlice slice, CapturedContent captured) =>
            captured with { Content = new BundleSlice(await slice.Chunk, slice.Offset, slice.Length) };
    }

    /// <summary>
    /// Leaves a large file to a worker, which disposes of the handle. Long ones are read in turn, each by several workers, and not side by side: so the chunks of each lie together
    /// in packs but for what small files bring meanwhile, and whoever restores it asks for them in fewer and longer pieces. One that changed while it was read is read once more without a turn.
    /// They stay open while they wait, as many as may be under way: to open them anew might lead to another file.
    /// </summary>
    public Task<CapturedContent> ReadLarge(DirectoryHandle handle, FileStatus status, TreePath path, CancellationToken cancellationToken)
    {
        var result = new TaskCompletionSource<CapturedContent>(TaskCreationOptions.RunContinuationsAsynchronously);
        // What a file has on the disk: one that is nearly all hole is soon read.
        _ = Math.Min(status.Size, status.Blocks * 512) >= LongFrom(_parameters) ? workers.RunInTurn(ReadAsync) : workers.Run(() => ReadAsync(null));
        return result.Task;

        async Task ReadAsync(Action? whenRead)
        {
            using (handle)
            {
                try
                {
                    result.TrySetResult(await ReadLargeAsync(handle, status, path, whenRead, cancellationToken));
                }
                catch (FileSystemException failure)
                {
                    issues.Add(path, failure.Operation, failure.Reason);
                    result.TrySetResult(new CapturedContent(null, status.Size, false, FileMoment.Of(status)));
                }
                catch (Exception exception)
                {
                    // The assembler waits for this content and ends the run with the reason.
                    result.TrySetException(exception);
                }
            }
        }
    }

    /// <summary>Reads a large file, twice when it changes meanwhile. For a worker.</summary>
    private async Task<CapturedContent> ReadLargeAsync(DirectoryHandle handle, FileStatus status, TreePath path, Action? whenRead, CancellationToken cancellationToken)
    {
        // Nothing more is asked of a file system that may not answer.
        cancellationToken.ThrowIfCancellationRequested();
        // It may have waited long for others. What it became meanwhile is read at once, and not what it was in vain first.
        CapturedAttributes? attributes = null;
        var after = Files.Status(handle, []);
        if (HasChanged(status, after)) (status, attributes) = (after, await AttributesAsync(handle, after, path, cancellationToken));
        var content = await _files.ReadAsync(handle, status, whenRead, cancellationToken);
        after = Files.Status(handle, []);
        if (Settle(handle, content, status, after, path) is { } settled) return settled with { Attributes = attributes };
        // What the entry has of mode, owner and attributes is no longer true: what was written since may not be for everybody who could read it before.
        status = after;
        attributes = await AttributesAsync(handle, status, path, cancellationToken);
        content = await _files.ReadAsync(handle, status, null, cancellationToken);
        after = Files.Status(handle, []);
        if (Settle(handle, content, status, after, path) is { } again) return again with { Attributes = attributes };
        issues.Add(path, "read", ChangedWhileRead);
        return new CapturedContent(content, content.Length, true, FileMoment.Of(status).WithAccessOf(after)) { Attributes = await AttributesAsync(handle, status, path, cancellationToken) };
    }

    /// <summary>What was read of a file, when that need not be read again; null when the file changed meanwhile.</summary>
    private CapturedContent? Settle(DirectoryHandle handle, FileContent content, in FileStatus status, in FileStatus after, TreePath path)
    {
        if (HasChanged(status, after)) return null;
        var goesOn = content.Length == FileReader.EndOf(status) && Files.ReadAt(handle, new byte[1], content.Length) > 0;
        if (goesOn) issues.Add(path, "read", $"it goes on beyond what its size says, which is {status.Size} bytes: only the first {content.Length} were kept");
        // As of small ones. Any other size than 0 is not what the file holds now, whatever its times say.
        var isUnsized = goesOn || (status.Size == 0 && content.Length > 0);
        return isUnsized || content.Length == status.Size ? new CapturedContent(content, content.Length, isUnsized, FileMoment.Of(status)) : null;
    }

    private static bool HasChanged(in FileStatus before, in FileStatus after) => before.Size != after.Size || before.Modified != after.Modified || before.Changed != after.Changed;

    /// <summary>The attributes of a file as they are now, after it was described once.</summary>
    private async ValueTask<CapturedAttributes> AttributesAsync(DirectoryHandle file, FileStatus status, TreePath path, CancellationToken cancellationToken)
    {
        var (attributes, inodeFlags, isComplete) = await _attributes.ReadAsync(file, status, path, cancellationToken);
        return new CapturedAttributes(attributes, inodeFlags, isComplete);
    }
}
