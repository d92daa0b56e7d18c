using System.Threading.Channels;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The walk: every entry below the source in a fixed order (names by their bytes, a directory's content where its name is), relative to open directory handles. Most of what
/// it comes to was looked at ahead of it (<see cref="LookAhead"/>); the rest it looks at itself (<see cref="NameVisitor"/>).
/// </summary>
/// <param name="request">What is backed up, and how.</param>
/// <param name="repository">Where to.</param>
/// <param name="session">Stores chunks.</param>
/// <param name="parent">What unchanged files are taken from.</param>
/// <param name="workers">For what is large, and for bundles.</param>
/// <param name="counters">Told what was seen.</param>
/// <param name="issues">Told what could not be read.</param>
/// <param name="mounts">Told the source's mount first.</param>
/// <param name="queue">Where steps go.</param>
/// <param name="stop">Cancelled when nobody waits for chunks any more.</param>
internal sealed class TreeCapture(
    BackupRequest request, ChunkRepository repository, WriteSession session, ParentTree? parent, WorkerPool workers,
    CaptureCounters counters, IssueList issues, MountRules mounts, Channel<CapturedEntry[]> queue, CancellationToken stop)
{
    /// <summary>Threads that look ahead: more would wait for each other in the kernel.</summary>
    private const int MostHelpers = 8;

    /// <summary>Walks the tree. The first entry is the source's directory itself, with an empty name.</summary>
    /// <param name="root">The source. The caller's.</param>
    /// <param name="only">The one name that is wanted of it; null for all.</param>
    /// <param name="cancellationToken">Ends the walk.</param>
    public async Task WalkAsync(DirectoryHandle root, byte[]? only, CancellationToken cancellationToken)
    {
        var status = Files.Status(root, []);
        mounts.Begin(status);
        var excludes = new PathPatterns(request.Excludes);
        var parameters = repository.Config.Parameters;
        var bundles = new BundleWriter(session, parameters.Bundles, workers.Run, stop);
        var steps = new StepWriter(queue, bundles);
        var visitor = new NameVisitor(request, repository, session, parent, excludes, mounts, workers, bundles, steps, counters, issues);
        var helpers = Math.Clamp(workers.Workers - 1, 1, MostHelpers);
        var budget = new AheadBudget(helpers);
        var scout = new NameScout(request, parameters, session, parent, excludes, mounts, budget, visitor.MostNames);
        var ahead = new LookAhead(scout, budget, helpers, cancellationToken);
        var taker = new SeenNameTaker(parameters.InlineFileLimit, bundles, steps, counters);
        var stack = new Stack<OpenedDirectory>();
        try
        {
            stack.Push(await visitor.BeginAsync(root, only, status, cancellationToken));
            ahead.Add(stack.Peek());
            while (stack.TryPeek(out var directory))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (directory.Next == directory.Names.Count)
                {
                    stack.Pop();
                    if (stack.Count > 0) directory.Dispose(); // the root's handle is the caller's
                    await steps.WriteAsync(directory.IsIncomplete ? CapturedEntry.EndOfIncompleteDirectory : CapturedEntry.EndOfDirectory, cancellationToken);
                    continue;
                }

                var batch = directory.Current ??= await ahead.GetAsync(directory);
                var index = directory.Next++;
                var seen = batch.Seen[index - batch.Start];
                // A directory that was opened goes when the walk is through with it, and not with the last of its batch.
                batch.Seen[index - batch.Start] = default;
                OpenedDirectory? below = null;
                if (seen.Kind == SeenKind.Directory) below = await ahead.OpenAsync(seen.Directory!);
                if (below is not null)
                {
                    stack.Push(below);
                    await taker.TakeAsync(below, seen.Directory!.Entry!, cancellationToken);
                }
                else if (seen.Kind is not (SeenKind.Nothing or SeenKind.Directory))
                {
                    await taker.TakeAsync(seen, cancellationToken);
                }
                else if ((below = await visitor.VisitAsync(directory, index, stack.Count, cancellationToken)) is not null)
                {
                    stack.Push(below);
                    ahead.Add(below);
                }

                if (directory.Next == batch.Start + batch.Count)
                {
                    directory.Current = null;
                    ahead.Release(batch);
                }
                else if (below is not null)
                {
                    ahead.Leave(batch, directory.Next);
                }

                if (workers.IsFull)
                {
                    await steps.FlushBeforeWaitAsync(cancellationToken);
                    await workers.ThrottleAsync();
                }
            }

            bundles.Close();
            await steps.FlushAsync(cancellationToken);
            counters.WalkDone = true;
        }
        catch (Exception exception)
        {
            bundles.Abandon(exception);
            throw;
        }
        finally
        {
            // Helpers first: they may be at work in what is closed here.
            await ahead.StopAsync();
            while (stack.TryPop(out var open))
            {
                if (stack.Count > 0) open.Dispose();
            }
        }
    }
}
