using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Deletes packs, under fences and as long as the own session stands.</summary>
internal sealed class PackDeletion(CollectionScope scope, CollectionMark mark)
{
    private const int DeletesAFence = 100;

    public async Task<(int Packs, long Bytes)> ExecuteAsync(IReadOnlyCollection<PackId> going, CancellationToken cancellationToken)
    {
        var (packs, bytes) = (0, 0L);
        var total = going.Sum(SizeOf);
        var left = new Queue<PackId>(going.Order(PackOrder.Instance));
        var refused = 0;
        while (left.Count > 0)
        {
            await using var fence = await scope.OpenOwnFenceAsync(OmittedSteps.DeleteFence, cancellationToken);
            try
            {
                for (var i = 0; i < DeletesAFence && left.TryPeek(out var pack); i++)
                {
                    if (await scope.DecideAsync(fence, () => fence.DeleteAsync(pack.Key, cancellationToken)))
                    {
                        packs++;
                        bytes += SizeOf(pack);
                    }

                    left.Dequeue();
                    refused = 0;
                    scope.Report(new CollectionProgress(CollectionStage.Delete, going.Count - left.Count, going.Count) { Bytes = bytes, TotalBytes = total });
                }
            }
            catch (FenceExpiredException) when (++refused < CollectionScope.Rounds)
            {
                // The look was too long ago: again.
            }
        }

        return (packs, bytes);

        long SizeOf(PackId pack) => mark.Packs.GetValueOrDefault(pack)?.Size ?? 0;
    }
}
