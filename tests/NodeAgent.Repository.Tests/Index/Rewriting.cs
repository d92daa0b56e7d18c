using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Index;

/// <summary>Rewrites the index of a repository, as its maintenance does.</summary>
internal static class Rewriting
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<SegmentRewriteReport> ExecuteAsync(ChunkRepository repository, int most = 64, PackId? without = null)
    {
        using var collected = new CollectedRepository(repository);
        return await (await PrepareAsync(collected, most)).ExecuteAsync(
            without is { } pack ? new HashSet<PackId> { pack } : [], async (key, content, token) => await repository.Store.PutAsync(key, content, token), Cancellation);
    }

    public static async Task<IReadOnlyList<string>> RemoveReplacedAsync(ChunkRepository repository)
    {
        using var collected = new CollectedRepository(repository);
        return await (await PrepareAsync(collected, 64)).RemoveReplacedAsync(CollectionTimes.Default, Cancellation);
    }

    private static async Task<SegmentRewrite> PrepareAsync(CollectedRepository collected, int most)
    {
        var segments = new SegmentCatalog(collected);
        await segments.RefreshAsync(null, null, Cancellation);
        return new SegmentRewrite(collected, segments, new SegmentRewriteOptions { Most = most });
    }
}
