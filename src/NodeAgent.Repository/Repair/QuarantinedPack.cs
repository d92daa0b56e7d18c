using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Repair;

/// <summary>Packs that a repair took out of use, with bytes that exist nowhere else: nothing reads them, and only who asks for it deletes them.</summary>
public static class QuarantinedPack
{
    /// <summary>Where they are.</summary>
    public const string Prefix = "damaged/";

    /// <summary>All of them.</summary>
    public static async Task<IReadOnlyList<StoreEntry>> ListAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        var found = new List<StoreEntry>();
        await foreach (var entry in repository.Store.ListAsync(Prefix, cancellationToken)) found.Add(entry);
        return [.. found.OrderBy(e => e.Key, StringComparer.Ordinal)];
    }

    /// <summary>Deletes all of them.</summary>
    public static async Task<IReadOnlyList<StoreEntry>> DiscardAsync(ChunkRepository repository, CancellationToken cancellationToken)
    {
        var all = await ListAsync(repository, cancellationToken);
        foreach (var entry in all) await repository.Store.DeleteAsync(entry.Key, cancellationToken);
        return all;
    }

    internal static string KeyOf(PackId pack) => Prefix + pack.Key[PackId.Prefix.Length..];
}
