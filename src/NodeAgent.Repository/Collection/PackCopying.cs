using NodeAgent.Repository.Index;

namespace NodeAgent.Repository.Collection;

/// <summary>Copies what is used out of packs that hold much that is not, and names the copies in the index.</summary>
internal sealed class PackCopying(CollectionScope scope, CollectionMark mark, SegmentCatalog segments)
{
    private const int PacksPerSegment = 1024;

    // What is known of a copy takes some 70 bytes until a segment names it.
    private const int ChunksPerSegment = 100_000;

    private readonly List<string> _damaged = [];

    /// <summary>Packs that stay, because a chunk in them that is used is damaged.</summary>
    public IReadOnlyList<string> Damaged => _damaged;

    /// <summary>Runs it; returns the bytes of the packs with copies.</summary>
    public async Task<long> ExecuteAsync(CancellationToken cancellationToken)
    {
        var wanted = mark.Packs.Values.Where(p => p.Fate == PackFate.Repack).ToList();
        if (wanted.Count == 0) return 0;
        var total = wanted.Sum(p => p.LiveBytes);
        var (done, bytes) = (0, 0L);
        Report();
        long written = 0;
        await mark.ForEachSurvivorAsync(
            async (pack, chunks) =>
            {
                if (chunks.Count > 0 && !await scope.Repository.CopyAsync(pack, chunks, cancellationToken))
                {
                    mark.Packs[pack.Pack].Fate = PackFate.Keep;
                    _damaged.Add(pack.Pack.Key);
                }

                done++;
                bytes += chunks.Sum(i => (long)pack.Chunks[i].StoredLength);
                Report();
                await IndexAsync(scope.Repository.TakeCopies(ChunksPerSegment));
            },
            cancellationToken);
        await IndexAsync(await scope.Repository.CompleteCopiesAsync(cancellationToken));
        return written;

        // All of it comes before the condemnation; a copy that is named a little earlier than the others is a chunk in two places.
        async Task IndexAsync(IReadOnlyList<PackContents> copies)
        {
            foreach (var part in copies.Chunk(PacksPerSegment))
            {
                var segment = new IndexSegment(part, []);
                var (key, content) = scope.Repository.SealSegment(segment);
                await scope.Store.PutAsync(key, content, cancellationToken);
                segments.Add(key, segment, content.Length, await scope.Store.GetTimeAsync(cancellationToken));
            }

            written += copies.Sum(p => p.Size);
        }

        void Report() => scope.Report(new CollectionProgress(CollectionStage.Repack, done, wanted.Count) { Bytes = bytes, TotalBytes = total });
    }
}
