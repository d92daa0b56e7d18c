using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>The packs that a person may mean.</summary>
public static class PackNames
{
    /// <summary>Every pack that is in the store or that the index names.</summary>
    public static async Task<IReadOnlyCollection<PackId>> ListAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        await repository.LoadIndexAsync(cancellationToken);
        var packs = repository.Index.EnumeratePacks().Select(p => p.Pack).ToHashSet();
        packs.UnionWith((await repository.ListPacksAsync(cancellationToken)).Keys);
        return packs;
    }
}
