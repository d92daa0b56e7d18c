using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>The index segments that are there. One that another one replaces does not count.</summary>
/// <param name="repository">Where.</param>
/// <param name="onDamaged">Told of damaged ones, which are passed over then; null where nothing can go on beside one.</param>
internal sealed class SegmentCatalog(ISegmentRepository repository, Func<RepositoryFormatException, Task>? onDamaged = null)
{
    private const int Rounds = 20;

    private readonly HashSet<string> _damaged = [];
    private Dictionary<string, SegmentFacts> _segments = [];
    private HashSet<ChunkId> _superseded = [];

    /// <summary>The segments that count.</summary>
    public IEnumerable<(string Key, SegmentFacts Facts)> Current => _segments.Where(s => !_superseded.Contains(s.Value.Hash)).Select(s => (s.Key, s.Value)).OrderBy(s => s.Key, StringComparer.Ordinal);

    /// <summary>Every segment.</summary>
    public IEnumerable<(string Key, SegmentFacts Facts)> All => _segments.Select(s => (s.Key, s.Value)).OrderBy(s => s.Key, StringComparer.Ordinal);

    /// <summary>Lists the segments and reads the new ones; each is handed over while it is in memory.</summary>
    /// <exception cref="RepositoryException">One is damaged: packs that only it names would be taken for garbage.</exception>
    public async Task RefreshAsync(Action<IndexSegment>? read, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            var segments = new Dictionary<string, SegmentFacts>();
            try
            {
                var found = new List<StoreEntry>();
                await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken)) found.Add(entry);
                foreach (var entry in found)
                {
                    if (!IndexSegment.IsKey(entry.Key) || _damaged.Contains(entry.Key)) continue;
                    if (_segments.TryGetValue(entry.Key, out var facts))
                    {
                        segments.Add(entry.Key, facts);
                        continue;
                    }

                    if (await ReadOrPassAsync(entry.Key, cancellationToken) is not { } segment) continue;
                    read?.Invoke(segment);
                    facts = FactsOf(entry.Key, segment, entry.Length, entry.LastModified);
                    segments.Add(entry.Key, facts);
                    _segments.TryAdd(entry.Key, facts);
                    progress?.Invoke(segments.Count, found.Count);
                }

                _segments = segments;
                _superseded = [.. segments.Values.SelectMany(s => s.Superseded)];
                return;
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && round < Rounds)
            {
                // Replaced and removed since it was listed: what replaces it is in the next listing.
            }
        }
    }

    /// <summary>Hands over every pack of the segments that count, or of all. Begins anew, after a call of <paramref name="reset"/>, when a segment goes away meanwhile.</summary>
    public async Task ForEachPackAsync(bool all, Action reset, Func<PackContents, Task> visit, CancellationToken cancellationToken)
    {
        for (var round = 1; !await TryForEachPackAsync(all, reset, visit, round < Rounds, cancellationToken); round++) await RefreshAsync(null, null, cancellationToken);
    }

    /// <summary>Adds one that was just written.</summary>
    public void Add(string key, IndexSegment segment, long length, DateTimeOffset written)
    {
        _segments[key] = FactsOf(key, segment, length, written);
        _superseded.UnionWith(segment.Superseded);
    }

    /// <summary>Reads one again; null when it is gone or damaged by now.</summary>
    public async Task<IndexSegment?> TryReadAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await repository.ReadSegmentAsync(key, cancellationToken);
        }
        catch (RepositoryFormatException)
        {
            return null;
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return null;
        }
    }

    private static SegmentFacts FactsOf(string key, IndexSegment segment, long length, DateTimeOffset written) =>
        new(IndexSegment.HashOf(key), length, written, [.. segment.Packs.Select(p => p.Pack)], segment.Superseded);

    private async Task<bool> TryForEachPackAsync(bool all, Action reset, Func<PackContents, Task> visit, bool again, CancellationToken cancellationToken)
    {
        reset();
        foreach (var (key, _) in (all ? All : Current).ToList())
        {
            IndexSegment? segment;
            try
            {
                segment = await ReadOrPassAsync(key, cancellationToken);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && again)
            {
                return false;
            }

            foreach (var pack in segment?.Packs ?? []) await visit(pack);
        }

        return true;
    }

    private async Task<IndexSegment?> ReadOrPassAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await repository.ReadSegmentAsync(key, cancellationToken);
        }
        catch (RepositoryFormatException exception)
        {
            if (onDamaged is null)
                throw new RepositoryException($"nothing can be collected: {exception.Message}; packs that only this index segment names would be taken for garbage; run \"nodeagent repo repair index\" first", exception);
            _damaged.Add(key);
            await onDamaged(exception);
            return null;
        }
    }
}
