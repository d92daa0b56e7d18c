using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Makes few large index segments of many small ones. A merged segment lists those that it replaces; these stay where they are, and a reader that sees both
/// passes over them. Only a later run removes them, when every reader that had listed them without the new one must be done. It may run beside anything and
/// twice at once; stopped at any moment, it leaves a valid index.
/// </summary>
internal static class IndexMerge
{
    /// <summary>By the store's clock, how long a replaced segment stays after the one that replaces it was written.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    /// <summary>Merges what is to be merged. Holds one merged segment in memory at a time.</summary>
    /// <exception cref="RepositoryException">The store cannot be listed, read or written. A damaged segment is left alone.</exception>
    public static async Task<IndexMergeReport> ExecuteAsync(ChunkRepository repository, IndexMergeOptions options, CancellationToken cancellationToken)
    {
        var listing = await ListAsync(repository, cancellationToken);
        if (options.Drops is null && listing.Count(IsSmall) <= options.Most) return new IndexMergeReport(0, 0, 0);
        // Tells which of the segments are replaced already.
        await repository.RefreshIndexAsync(cancellationToken);
        var hashes = listing.Select(e => IndexSegment.HashOf(e.Key)).ToHashSet();
        listing.RemoveAll(e => repository.ReplacedSegments.TryGetValue(IndexSegment.HashOf(e.Key), out var by) && hashes.Contains(by));
        // Oldest first, so that what was written together stays together.
        listing.Sort((a, b) => a.LastModified == b.LastModified ? string.CompareOrdinal(a.Key, b.Key) : a.LastModified.CompareTo(b.LastModified));
        var merges = listing.Count(IsSmall) > options.Most;
        var cipher = options.Cipher;
        try
        {
            cipher ??= repository.CreateCipher(CipherSuiteSelection.Preferred, null);
            var batch = new MergeBatch();
            var report = new IndexMergeReport(0, 0, 0);
            foreach (var entry in listing)
            {
                var isWanted = merges && IsSmall(entry);
                if (!isWanted && options.Drops is null) continue;
                if (await TryReadAsync(repository, entry.Key, cancellationToken) is not { } segment) continue;
                var drops = options.Drops is { } dropped && segment.Packs.Any(p => dropped(p.Pack));
                if (!isWanted && !drops) continue;
                if (!batch.HasRoomFor(segment, options.TargetLength)) report = await WriteAsync(report);
                batch.Add(IndexSegment.HashOf(entry.Key), segment, hashes, options.Drops);
            }

            return await WriteAsync(report);

            async Task<IndexMergeReport> WriteAsync(IndexMergeReport soFar)
            {
                var full = batch;
                batch = new MergeBatch();
                // One alone would only be written again.
                if (full.Replaced.Count == 0 || (full.Replaced.Count == 1 && full.DroppedPacks == 0)) return soFar;
                var content = repository.SealObject(cipher, ObjectKind.Index, EnvelopeType.IndexSegment, full.ToSegment().Encode());
                await repository.Store.PutAsync(ChunkRepository.SegmentKey(Convert.ToHexStringLower(cipher.Salt[..8]), content), content, cancellationToken);
                return new IndexMergeReport(soFar.Replaced + full.Replaced.Count, soFar.Written + 1, soFar.DroppedPacks + full.DroppedPacks);
            }
        }
        finally
        {
            if (options.Cipher is null) cipher?.Dispose();
        }

        bool IsSmall(StoreEntry entry) => entry.Length < options.TargetLength / 2;
    }

    /// <summary>Removes segments that another one has replaced for <see cref="Grace"/> or longer, and that one can be read.</summary>
    /// <returns>Their names.</returns>
    public static async Task<IReadOnlyList<string>> RemoveReplacedAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        await repository.RefreshIndexAsync(cancellationToken);
        var listing = await ListAsync(repository, cancellationToken);
        var byHash = new Dictionary<ChunkId, StoreEntry>();
        foreach (var entry in listing) byHash.TryAdd(IndexSegment.HashOf(entry.Key), entry);
        var now = await repository.Store.GetTimeAsync(cancellationToken);
        var removed = new List<string>();
        var replaced = listing.Select(e => (Entry: e, Hash: IndexSegment.HashOf(e.Key)))
            .Select(e => (e.Entry, e.Hash, By: repository.ReplacedSegments.TryGetValue(e.Hash, out var by) && byHash.TryGetValue(by, out var found) ? found : default))
            .Where(e => e.By.Key is not null && now - e.By.LastModified >= Grace);
        foreach (var group in replaced.GroupBy(e => e.By.Key))
        {
            // It may have been damaged since the index was loaded: what it replaces is then needed.
            if (await TryReadAsync(repository, group.Key, cancellationToken) is not { } by) continue;
            foreach (var (entry, hash, _) in group)
            {
                if (!by.Superseded.Contains(hash)) continue;
                await repository.Store.DeleteAsync(entry.Key, cancellationToken);
                removed.Add(entry.Key);
            }
        }

        return removed;
    }

    private static async Task<List<StoreEntry>> ListAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        var listing = new List<StoreEntry>();
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            if (IndexSegment.IsKey(entry.Key)) listing.Add(entry);
        }

        return listing;
    }

    /// <summary>Null when the segment is damaged or gone.</summary>
    private static async Task<IndexSegment?> TryReadAsync(ChunkRepository repository, string key, CancellationToken cancellationToken)
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
}
