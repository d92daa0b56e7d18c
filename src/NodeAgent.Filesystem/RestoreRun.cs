using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>
/// A snapshot becomes a directory:
/// 1. the part of the snapshot that is wanted is found;
/// 2. the target is made when it is not there and need not be, and opened: from here on everything is relative to that handle;
/// 3. whether it fits is looked at; then the tree is walked; directories are made, workers write the files under temporary names and rename them;
/// 4. further names of files with several are added, directories get their metadata when all below them is done;
/// 5. the file system is told to make it durable, as far as it has not been before.
/// </summary>
public static class RestoreRun
{
    /// <summary>Three batches that are a little longer than their 5 MiB.</summary>
    private const long AheadBudget = 18 << 20;
    private const long LargeFileBudget = 32 << 20;
    private const int ReadsAtOnce = 8;

    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs a restore. Files that cannot be restored do not stop it: the result says which.</summary>
    /// <exception cref="IOException">The target cannot be made or opened, or its disk is full, or too small for the restore, or did not take all that was written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what is complete has its final name.</exception>
    /// <exception cref="RepositoryException">The index cannot be read, or the sub path is not in the snapshot.</exception>
    public static async Task<RestoreResult> ExecuteAsync(ChunkRepository repository, SnapshotManifest snapshot, RestoreRequest request, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(request);
        await repository.LoadIndexAsync(cancellationToken);

        // 1. what is wanted
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var wanted = await FindAsync(tree, snapshot, request, cancellationToken);

        // 2. the target
        using var target = OpenTarget(request);
        DirectoryIdentity.Require(request.TargetIdentity, target, request.TargetPath);

        // 3. and 4. the tree
        if (!request.IgnoreFreeSpace) await new SpaceCheck(request, tree).EnsureAsync(target, snapshot, wanted, cancellationToken);
        using var workers = new WorkerPool(WorkerCount.ForRestore(request.Workers, request.Memory).Number);
        long bytes = 0;
        var last = request.Time.GetTimestamp();
        TreeRestore? restore = null;
        // A store far away is asked for several ranges at once; what the walk reads ahead and what large files do have budgets of their
        // own, since a file in a batch may wait for a worker that has a large file.
        var large = reader.CreateFetcher(LargeFileBudget, ReadsAtOnce, isReadOnce: true);
        var bundles = new BundleShelf(reader, Math.Min(ChunkRepository.MaxChunkLength, repository.Config.Parameters.Chunker.MaxSize));
        var ahead = new ReadAhead(reader, reader.CreateFetcher(AheadBudget, ReadsAtOnce), bundles, workers);
        using var parts = new PartWriter(reader, Math.Min(ChunkRepository.MaxChunkLength, repository.Config.Parameters.Chunker.MaxSize), workers.Workers, Count);
        var contents = new ContentWriter(repository, reader, large, bundles, tree, parts, Count);
        // A snapshot of a target that was never completed has such a mark itself, which then is a file as any other.
        var mark = wanted.Type == TreeEntryType.Directory && await IsFreeAsync(tree, wanted, cancellationToken) ? ResumeMark.Begin(target, snapshot, request) : null;
        using var flush = new EarlyFlush(target, request.TargetPath, request.Memory > 0 ? request.Memory : WorkerCount.ProcessMemory, mark is not null, request.Synchronize);
        restore = new TreeRestore(request, mark, new RestoreSource(reader, tree, ahead, contents), workers, flush);
        if (wanted.Type == TreeEntryType.Directory) await restore.RestoreAsync(target, wanted, cancellationToken);
        else await restore.RestoreSingleAsync(target, wanted, cancellationToken);
        if (mark is not null) ResumeMark.End(target);

        // 5. durable
        await flush.FinishAsync();
        Report();
        return restore.Result;

        void Count(long count)
        {
            Interlocked.Add(ref bytes, count);
            if (progress is null || request.Time.GetElapsedTime(Interlocked.Read(ref last)) < ProgressInterval) return;
            Interlocked.Exchange(ref last, request.Time.GetTimestamp());
            Report();
        }

        void Report() =>
            progress?.Report(new RunProgress(restore?.FilesDone ?? 0, snapshot.Stats.Files, Interlocked.Read(ref bytes), snapshot.Stats.Bytes, true, 0, null));
    }

    /// <summary>The entry that becomes the target; the paths in it that are wanted are there too.</summary>
    internal static async ValueTask<TreeEntry> FindAsync(TreeReader tree, SnapshotManifest snapshot, RestoreRequest request, CancellationToken cancellationToken)
    {
        var root = snapshot.ReadRoot();
        var wanted = request.SubPath.IsEmpty ? root : await tree.FindPathAsync(root, request.SubPath, cancellationToken) ?? throw NotThere(request.SubPath);
        foreach (var path in request.Paths)
        {
            if (await tree.FindPathAsync(wanted, path, cancellationToken) is null) throw NotThere(path);
        }

        return wanted;
    }

    private static RepositoryException NotThere(ReadOnlyMemory<byte> path) =>
        new($"{FileName.ToText(path.Span)} is not in the snapshot: \"nodeagent snapshot ls\" shows what is");

    private static async ValueTask<bool> IsFreeAsync(TreeReader tree, TreeEntry root, CancellationToken cancellationToken)
    {
        try
        {
            return await tree.FindAsync(root, ResumeMark.Name.ToArray(), cancellationToken) is null;
        }
        catch (RepositoryException)
        {
            return true; // the restore itself reports what is damaged, and restores the rest
        }
    }

    private static DirectoryHandle OpenTarget(RestoreRequest request)
    {
        var path = request.TargetPath;
        if (request.TrustedDirectory is not null || request.TargetIdentity is not null) return Files.OpenRoot(path, request.TrustedDirectory);
        try
        {
            Directory.CreateDirectory(path);
            return Files.OpenRoot(path);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or (IOException and not FileSystemException))
        {
            var why = File.Exists(path) ? "a file is in its place" : exception.Message;
            throw new IOException($"{path}: the target cannot be made: {why} (give a directory that can be written, or a new name)", exception);
        }
    }
}
