using System.Collections.Concurrent;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Repair;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// Makes the index whole again from what the packs say of themselves:
/// 1. the segments are read, and those that are damaged are noted;
/// 2. the packs are listed, and the footers of those that no sound segment names are read;
/// 3. new segments name these packs, written as soon as enough was read for one, so that in the end nothing depends on the damaged ones;
/// 4. the damaged segments are removed;
/// 5. packs that segments name and that are gone are left out, so that backups store again what was in them;
/// 6. segments are merged when there are very many.
/// It may run beside anything: a pack that a running backup has not named yet is named twice, which does no harm, and a backup that relies on a pack that is
/// gone finds that out when it publishes. When it is stopped at any moment, what was written is valid and the next run goes on.
/// </summary>
public static class IndexRebuild
{
    private const int ReadersAtOnce = 8;

    /// <summary>Runs a rebuild. Packs that cannot be read do not stop it: the report names them.</summary>
    /// <exception cref="RepositoryException">The store cannot be listed or written.</exception>
    public static Task<IndexRebuildReport> ExecuteAsync(ChunkRepository repository, IProgress<CheckProgress>? progress, CancellationToken cancellationToken) =>
        ExecuteAsync(repository, new IndexRebuildOptions(), progress, cancellationToken);

    /// <inheritdoc cref="ExecuteAsync(ChunkRepository, IProgress{CheckProgress}, CancellationToken)"/>
    public static async Task<IndexRebuildReport> ExecuteAsync(ChunkRepository repository, IndexRebuildOptions options, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(options);

        // 1. the segments
        var survey = await SegmentSurvey.ReadAsync(repository, null, cancellationToken);
        var unreadable = new ConcurrentQueue<CheckProblem>(survey.Foreign);
        var named = survey.Current.SelectMany(s => s.Packs).ToHashSet();

        // 2. the packs
        var unnamed = new List<(PackId Pack, long Length)>();
        var gone = named.ToHashSet();
        foreach (var (pack, length) in await repository.ListPacksAsync(cancellationToken))
        {
            if (!gone.Remove(pack)) unnamed.Add((pack, length));
        }

        // Written since the list was made, or really gone.
        foreach (var pack in gone.ToList())
        {
            if (await repository.Store.StatAsync(pack.Key, cancellationToken) is not null) gone.Remove(pack);
        }

        MassRemoval.Require(gone.Count, named.Count, options.AllowMassRemoval);
        await using var writing = new RebuildWriting(repository, options);
        await ReadFootersAsync(repository, unnamed, writing, unreadable, progress, cancellationToken);
        await writing.CompleteAsync(survey.Damaged, gone, cancellationToken);

        // 6. many small ones; not beside one that cannot be understood, which may replace others
        var merged = options.DryRun || unreadable.Any(p => IndexSegment.IsKey(p.ObjectKey))
            ? new SegmentRewriteReport(0, 0, 0)
            : await MergeAsync(repository, cancellationToken);
        return new IndexRebuildReport(survey.All.Count, survey.Damaged, writing.Packs, writing.Chunks, [.. unreadable.OrderBy(p => p.ObjectKey, StringComparer.Ordinal)])
        {
            GonePacks = [.. gone.Select(p => p.Key).Order(StringComparer.Ordinal)],
            Merged = merged,
        };
    }

    private static async Task ReadFootersAsync(
        ChunkRepository repository, List<(PackId Pack, long Length)> packs, RebuildWriting writing, ConcurrentQueue<CheckProblem> unreadable, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        long done = 0;
        long bytes = 0;
        var total = packs.Sum(p => p.Length);
        // Packs of one session stand together, so that a segment names few sessions.
        packs.Sort((a, b) => a.Pack.Session != b.Pack.Session ? a.Pack.Session.CompareTo(b.Pack.Session) : a.Pack.Hash.CompareTo(b.Pack.Hash));
        await Parallel.ForEachAsync(packs, new ParallelOptions { MaxDegreeOfParallelism = ReadersAtOnce, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            PackContents contents;
            try
            {
                contents = await PackReader.ReadContentsAsync(repository, pack.Pack, pack.Length, token);
            }
            catch (RepositoryException exception)
            {
                var format = exception as RepositoryFormatException;
                unreadable.Enqueue(new CheckProblem(pack.Pack.Key, format?.Offset, format?.Why ?? exception.Message, IsDamage: true));
                return;
            }

            // A store that cannot be written ends it; that is not the pack's fault.
            await writing.AddAsync(contents, token);
            progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), packs.Count, Interlocked.Add(ref bytes, pack.Length), total));
        });
    }

    private static async Task<SegmentRewriteReport> MergeAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        using var collected = new CollectedRepository(repository);
        var segments = new SegmentCatalog(collected, static _ => Task.CompletedTask);
        await segments.RefreshAsync(null, null, cancellationToken);
        return await new SegmentRewrite(collected, segments, SegmentRewriteOptions.Default).ExecuteAsync(
            new HashSet<PackId>(), async (key, content, token) => await repository.Store.PutAsync(key, content, token), cancellationToken);
    }
}
