using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Writes index segments in place of others: few large ones for many small ones, and such that leave packs out. A new segment lists those that it replaces, and what these
/// have replaced as long as that is there; all stay where they are, and a reader that sees both passes over them. Only a later run removes them, when every reader that had
/// listed them without the new one must be done.
/// </summary>
/// <remarks>
/// May run beside anything and several times at once; stopped at any moment, it leaves a valid index. One that leaves nothing out needs no fence, however late it comes:
/// it replaces only what it names itself, so that nothing is named by less than before. At worst it names packs that are gone by then, which do not count, and
/// which the next collection leaves out. One that leaves packs out must come only while they stand condemned: that is up to whoever puts it.
/// </remarks>
internal sealed class SegmentRewrite(ISegmentRepository repository, SegmentCatalog segments, SegmentRewriteOptions options)
{
    /// <summary>Runs it on the segments that the catalog has. Holds one new segment in memory at a time.</summary>
    /// <param name="without">Packs that are to be named no more. Every segment that names one is written anew without it, however large.</param>
    /// <param name="put">Writes a segment.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="RepositoryException">The store cannot be read or written.</exception>
    public async Task<SegmentRewriteReport> ExecuteAsync(IReadOnlySet<PackId> without, Func<string, byte[], CancellationToken, Task> put, CancellationToken cancellationToken)
    {
        var report = new SegmentRewriteReport(0, 0, 0);
        // Oldest first, so that what was written together stays together.
        var current = segments.Current.OrderBy(s => s.Facts.Written).ThenBy(s => s.Key, StringComparer.Ordinal).ToList();
        var merges = current.Count(s => IsSmall(s.Facts)) > options.Most;
        if (without.Count == 0 && !merges) return report;
        var listed = segments.All.Select(s => s.Facts.Hash).ToHashSet();
        var batch = new SegmentBatch();
        foreach (var (key, facts) in current)
        {
            if (!facts.Packs.Any(without.Contains) && !(merges && IsSmall(facts))) continue;
            // Gone: another one replaces it. Damaged meanwhile: what it says must not be lost over this.
            if (await segments.TryReadAsync(key, cancellationToken) is not { } segment) continue;
            if (!batch.HasRoomFor(segment, options.TargetLength)) await WriteAsync();
            batch.Add(facts.Hash, segment, listed, without);
        }

        await WriteAsync();
        return report;

        async Task WriteAsync()
        {
            var full = batch;
            batch = new SegmentBatch();
            // One alone would only be written again.
            if (full.Replaced.Count == 0 || (full.Replaced.Count == 1 && full.DroppedPacks == 0)) return;
            var segment = full.ToSegment();
            var (key, content) = repository.SealSegment(segment);
            await put(key, content, cancellationToken);
            segments.Add(key, segment, content.Length, await repository.Store.GetTimeAsync(cancellationToken));
            report = new SegmentRewriteReport(report.Replaced + full.Replaced.Count, report.Written + 1, report.DroppedPacks + full.DroppedPacks);
        }
    }

    /// <summary>Removes segments that another one has replaced for some time, and that one can be read: nobody who listed them before can still want to read them.</summary>
    /// <returns>Their names.</returns>
    public async Task<IReadOnlyList<string>> RemoveReplacedAsync(CollectionTimes times, CancellationToken cancellationToken)
    {
        var now = await repository.Store.GetTimeAsync(cancellationToken);
        var replacement = new Dictionary<ChunkId, (string Key, DateTimeOffset Written)>();
        foreach (var (key, facts) in segments.All)
        {
            foreach (var hash in facts.Superseded)
            {
                if (!replacement.TryGetValue(hash, out var known) || facts.Written < known.Written) replacement[hash] = (key, facts.Written);
            }
        }

        var sound = new Dictionary<string, bool>();
        var removed = new List<string>();
        foreach (var (key, facts) in segments.All.ToList())
        {
            if (!replacement.TryGetValue(facts.Hash, out var by) || now - by.Written < times.ReplacedSegment) continue;
            // It may have been damaged since it was read: what it replaces is then needed.
            if (!sound.TryGetValue(by.Key, out var isSound)) sound[by.Key] = isSound = await segments.TryReadAsync(by.Key, cancellationToken) is not null;
            if (!isSound) continue;
            await repository.Store.DeleteAsync(key, cancellationToken);
            removed.Add(key);
        }

        return removed;
    }

    private bool IsSmall(SegmentFacts facts) => facts.Length < options.TargetLength / 2;
}
