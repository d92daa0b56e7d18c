using System.Text;
using System.Threading.Channels;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>
/// A directory or a single file becomes a snapshot:
/// 1. the source's directory is opened, and from here on everything is relative to that handle;
/// 2. the snapshot to continue is found;
/// 3. a session begins: from now on packs are written;
/// 4. the walk goes through the tree, and workers read, cut, compress and encrypt what is new;
/// 5. the entries, in the order of the walk, become directory pages;
/// 6. the snapshot object is published: the commit point.
/// Whatever stops it before step 6 leaves a valid repository and no snapshot; what was stored is used by the next run. When collection removed what it
/// relied on, it is run once more from the beginning.
/// </summary>
public static class BackupRun
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs a backup. Files that cannot be read do not stop it: the result says which.</summary>
    /// <exception cref="FileSystemException">The source cannot be opened.</exception>
    /// <exception cref="RepositoryException">The repository cannot be read or written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; nothing was published.</exception>
    public static async Task<BackupResult> ExecuteAsync(ChunkRepository repository, BackupRequest request, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await RunAsync(repository, request, progress, cancellationToken);
        }
        catch (RepositoryException exception) when (exception is SnapshotAbandonedException or SessionRevokedException)
        {
            // Collection removed what it relied on, while this machine slept say. A new session knows what is left.
            return await RunAsync(repository, request, progress, cancellationToken);
        }
    }

    private static async Task<BackupResult> RunAsync(ChunkRepository repository, BackupRequest request, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var started = request.Time.GetUtcNow();

        // 1. the source
        var (root, only) = OpenSource(request.SourcePath, request.TrustedDirectory);
        using var opened = root;
        DirectoryIdentity.Require(request.SourceIdentity, root, request.SourcePath);

        // 2. the snapshot to continue
        var parentSnapshot = await FindParentAsync(repository, request, cancellationToken);

        // 3. a session
        await using var session = await repository.BeginSessionAsync(
            new WriteSessionOptions { CompressionLevel = request.CompressionLevel, Program = request.Program, Hostname = request.Hostname }, cancellationToken);
        using var parent = parentSnapshot is null ? null : new ParentTree(repository, parentSnapshot);

        // 4. and 5. walk and assembly, joined by a queue: an entry is some hundred bytes
        var counters = new CaptureCounters();
        var issues = new IssueList();
        var mounts = new MountRules(request);
        using var workers = new WorkerPool(WorkerCount.ForBackup(request.Workers, request.Memory).Number);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var queue = Channel.CreateBounded<CapturedEntry[]>(new BoundedChannelOptions(StepWriter.QueueLength) { SingleReader = true, SingleWriter = true });
        var capture = new TreeCapture(request, repository, session, parent, workers, counters, issues, mounts, queue, stop.Token);
        var walk = Task.Run(() => WalkAsync(capture, root, only, queue.Writer, stop.Token), CancellationToken.None);
        TreeEntry rootEntry;
        long bytes;
        try
        {
            var reporter = new ProgressReporter(progress, counters, session, request.Time, ProgressInterval);
            (rootEntry, bytes) = await AssembleAsync(repository, session, queue.Reader, counters, reporter, cancellationToken);
            reporter.Finish();
        }
        finally
        {
            // Nothing is left running, whichever side failed.
            await stop.CancelAsync();
            await walk.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await workers.DrainAsync();
        }

        // 6. the snapshot
        cancellationToken.ThrowIfCancellationRequested();
        await session.FlushAsync(cancellationToken);
        var manifest = new SnapshotManifest
        {
            Time = started,
            Completed = request.Time.GetUtcNow(),
            Program = request.Program,
            Hostname = request.Hostname,
            Username = request.Username,
            Source = request.Source,
            Tags = request.Tags,
            Parent = parentSnapshot?.Id.ToString(),
            Root = RootEntry.Encode(rootEntry),
            Chunker = ChunkerOf(repository),
            Outcome = issues.Count == 0 ? SnapshotOutcome.Completed : SnapshotOutcome.PartiallyFailed,
            Stats = counters.ToStatistics(bytes, session.Statistics),
            Issues = [.. issues.Issues.Select(i => new SnapshotIssue(i.Path, FileName.ToText(i.Path), i.Operation, i.Reason))],
            IssueCount = issues.Count,
            Owners = OwnerNames.Read(),
        };
        var id = await session.PublishAsync(manifest.ToJson(), cancellationToken);
        return new BackupResult(id, manifest) { LeftOut = mounts.LeftOut };
    }

    /// <summary>The directory to walk, and the one name in it that is wanted when the source is not a directory.</summary>
    private static (DirectoryHandle Root, byte[]? Only) OpenSource(string path, string? below)
    {
        try
        {
            return (Files.OpenRoot(path, below), null);
        }
        catch (FileSystemException failure) when (failure.Error == Errno.NotDirectory && below is null)
        {
            var file = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            if (Path.GetFileName(file) is not { Length: > 0 } name) throw;
            return (Files.OpenRoot(Path.GetDirectoryName(file)!), Encoding.UTF8.GetBytes(name));
        }
    }

    private static async Task<Snapshot?> FindParentAsync(ChunkRepository repository, BackupRequest request, CancellationToken cancellationToken)
    {
        var catalog = new SnapshotCatalog(repository);
        return request.Parent switch
        {
            "none" => null,
            "auto" or "" => await catalog.LatestForAsync(request.Source, request.Hostname, request.Sources, cancellationToken),
            var reference => await catalog.ResolveAsync(reference, null, cancellationToken),
        };
    }

    private static async Task WalkAsync(TreeCapture capture, DirectoryHandle root, byte[]? only, ChannelWriter<CapturedEntry[]> output, CancellationToken cancellationToken)
    {
        try
        {
            await capture.WalkAsync(root, only, cancellationToken);
            output.TryComplete();
        }
        catch (Exception exception)
        {
            // The assembler reads to the end of the queue and finds the reason there.
            output.TryComplete(exception);
        }
    }

    /// <summary>Takes the entries in order and writes directories from the leaves up. Returns the source's own entry.</summary>
    private static async Task<(TreeEntry Root, long Bytes)> AssembleAsync(
        ChunkRepository repository, WriteSession session, ChannelReader<CapturedEntry[]> input, CaptureCounters counters, ProgressReporter reporter, CancellationToken cancellationToken)
    {
        var open = new Stack<(DirectoryWriter Writer, TreeEntry Carrier)>();
        var bytes = 0L;
        try
        {
            await foreach (var steps in input.ReadAllAsync(cancellationToken))
            {
                foreach (var step in steps)
                {
                    if (step.Entry is null)
                    {
                        var (writer, carrier) = open.Pop();
                        using (writer)
                        {
                            var complete = carrier.WithDirectory(await writer.CompleteAsync(carrier, cancellationToken), step.IsIncomplete);
                            if (open.Count == 0) return (complete, bytes);
                            await open.Peek().Writer.AddAsync(complete, cancellationToken);
                        }
                    }
                    else if (step.Entry.Type == TreeEntryType.Directory)
                    {
                        open.Push((new DirectoryWriter(async (kind, plain, token) => (await session.StoreAsync(kind, plain, token)).Id, repository.Config.Parameters.Trees, repository.Gear), step.Entry));
                    }
                    else
                    {
                        var entry = await CompleteAsync(step, cancellationToken);
                        if (entry.Type == TreeEntryType.RegularFile)
                        {
                            bytes += entry.Size;
                            counters.FilesDone++;
                        }

                        reporter.Report(step.Path);
                        await open.Peek().Writer.AddAsync(entry, cancellationToken);
                    }
                }
            }

            throw new InvalidOperationException("the walk ended before its root did");
        }
        finally
        {
            while (open.TryPop(out var left)) left.Writer.Dispose();
        }
    }

    /// <summary>The entry with its content, which may be on its way still.</summary>
    private static async ValueTask<TreeEntry> CompleteAsync(CapturedEntry step, CancellationToken cancellationToken)
    {
        var entry = step.Entry!;
        if (step.Slice is { } slice)
        {
            var chunk = slice.Chunk.IsCompletedSuccessfully ? slice.Chunk.Result : await slice.Chunk.WaitAsync(cancellationToken);
            return entry.WithContent(new BundleSlice(chunk, slice.Offset, slice.Length));
        }

        return step.Content is null ? entry : EntryOf.WithContent(entry, await step.Content.WaitAsync(cancellationToken));
    }

    private static SnapshotChunker ChunkerOf(ChunkRepository repository)
    {
        var chunker = repository.Config.Parameters.Chunker;
        return new SnapshotChunker("gear64-fastcdc", chunker.MinSize, chunker.AverageSize, chunker.MaxSize, chunker.Normalization);
    }
}
