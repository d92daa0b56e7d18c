using System.Collections.Concurrent;
using System.Globalization;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// Makes the index whole again from what the packs say of themselves:
/// 1. the segments are read, and those that are damaged are noted;
/// 2. the packs are listed, and the footers of those that no sound segment names are read;
/// 3. new segments name these packs, so that from here on nothing depends on the damaged ones;
/// 4. the damaged segments are removed;
/// 5. segments are merged when there are very many.
/// It may run beside backups: a pack that a running one has not named yet is named twice, which does no harm. When it is stopped
/// at any moment, what was written is valid and the next run goes on.
/// </summary>
public static class IndexRebuild
{
    private const int ReadersAtOnce = 8;
    private const int ChunksPerSegment = 100_000;
    private const int PacksPerSegment = 1024;

    /// <summary>Runs a rebuild. Packs that cannot be read do not stop it: the report names them.</summary>
    /// <exception cref="RepositoryException">The store cannot be listed or written.</exception>
    public static async Task<IndexRebuildReport> ExecuteAsync(ChunkRepository repository, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);

        // 1. the segments
        var named = new HashSet<PackId>();
        var damaged = new List<string>();
        var unreadable = new ConcurrentQueue<CheckProblem>();
        var sound = 0;
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            if (!IndexSegment.IsKey(entry.Key)) continue;
            try
            {
                foreach (var pack in (await repository.ReadSegmentAsync(entry.Key, cancellationToken)).Packs) named.Add(pack.Pack);
                sound++;
            }
            catch (RepositoryFormatException exception)
            {
                // Only what is certainly not what was written may go: one of a key that is not at hand is as its name says.
                if (await repository.IsAlteredAsync(entry.Key, cancellationToken)) damaged.Add(entry.Key);
                else unreadable.Enqueue(new CheckProblem(entry.Key, exception.Offset, exception.Why, IsDamage: true));
            }
        }

        // 2. the packs
        var unnamed = new List<(PackId Pack, long Length)>();
        await foreach (var entry in repository.Store.ListAsync("data/", cancellationToken))
        {
            if (PackId.TryParse(entry.Key, out var id) && id.Key == entry.Key && !named.Contains(id)) unnamed.Add((id, entry.Length));
        }

        var found = new ConcurrentBag<PackContents>();
        long done = 0;
        var total = unnamed.Sum(p => p.Length);
        long bytes = 0;
        await Parallel.ForEachAsync(unnamed, new ParallelOptions { MaxDegreeOfParallelism = ReadersAtOnce, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            try
            {
                found.Add(await PackReader.ReadContentsAsync(repository, pack.Pack, pack.Length, token));
            }
            catch (RepositoryException exception)
            {
                var format = exception as RepositoryFormatException;
                unreadable.Enqueue(new CheckProblem(pack.Pack.Key, format?.Offset, format?.Why ?? exception.Message, IsDamage: true));
            }

            progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), unnamed.Count, Interlocked.Add(ref bytes, pack.Length), total));
        });

        // 3. new segments; packs of one session stand together, so that a segment names few sessions
        if (!found.IsEmpty)
        {
            using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
            foreach (var packs in Segments(found.OrderBy(p => p.Pack.Session).ThenBy(p => p.Pack.Hash)))
            {
                var content = repository.SealObject(cipher, ObjectKind.Index, EnvelopeType.IndexSegment, new IndexSegment(packs, []).Encode());
                await repository.Store.PutAsync(ChunkRepository.SegmentKey(Convert.ToHexStringLower(cipher.Salt[..8]), content), content, cancellationToken);
            }
        }

        // 4. the damaged ones
        foreach (var key in damaged) await repository.Store.DeleteAsync(key, cancellationToken);

        // 5. many small ones; not beside one that cannot be understood, which may replace others
        var merged = unreadable.Any(p => IndexSegment.IsKey(p.ObjectKey))
            ? new IndexMergeReport(0, 0, 0)
            : await IndexMerge.ExecuteAsync(repository, new IndexMergeOptions(), cancellationToken);
        return new IndexRebuildReport(sound, damaged, found.Count, found.Sum(p => (long)p.Chunks.Count), [.. unreadable.OrderBy(p => p.ObjectKey, StringComparer.Ordinal)])
        {
            Merged = merged,
        };
    }

    private static IEnumerable<List<PackContents>> Segments(IEnumerable<PackContents> packs)
    {
        var segment = new List<PackContents>();
        var chunks = 0;
        foreach (var pack in packs)
        {
            if (segment.Count > 0 && (chunks + pack.Chunks.Count > ChunksPerSegment || segment.Count == PacksPerSegment))
            {
                yield return segment;
                (segment, chunks) = ([], 0);
            }

            segment.Add(pack);
            chunks += pack.Chunks.Count;
        }

        if (segment.Count > 0) yield return segment;
    }
}
