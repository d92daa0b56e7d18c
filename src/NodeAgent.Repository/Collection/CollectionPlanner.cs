namespace NodeAgent.Repository.Collection;

/// <summary>Decides what becomes of each pack. The decision is about space only: whether a pack may go is found out later.</summary>
internal static class CollectionPlanner
{
    public static void Decide(IReadOnlyCollection<PackFacts> packs, CollectionOptions options)
    {
        foreach (var pack in packs)
        {
            pack.Fate = pack.IsSpared ? PackFate.Spare
                : pack.LiveBytes == 0 ? PackFate.Remove
                // Condemned by another collector, and used: he will find out himself.
                : PackFate.Keep;
        }

        var staying = packs.Where(p => p is { Fate: PackFate.Keep, IsCondemned: false }).ToList();
        var live = staying.Sum(p => p.LiveBytes);
        var limit = options.MaxUnusedBytes ?? (options.MaxUnusedShare >= 1 ? long.MaxValue : (long)(live * options.MaxUnusedShare / (1 - options.MaxUnusedShare)));
        var unused = staying.Sum(p => p.UnusedBytes);
        var budget = options.MaxRepackBytes;
        // Those with the largest share of unused bytes give most space for each byte that is copied.
        foreach (var pack in staying.Where(p => p.UnusedBytes > 0).OrderByDescending(p => (double)p.UnusedBytes / p.ChunkBytes).ThenBy(p => p.Id, PackOrder.Instance))
        {
            if (unused <= limit) break;
            if (pack.LiveBytes > budget) continue;
            pack.Fate = PackFate.Repack;
            budget -= pack.LiveBytes;
            unused -= pack.UnusedBytes;
        }
    }

    public static Dictionary<PackFate, PackSum> Sum(IEnumerable<PackFacts> packs) => packs.GroupBy(p => p.Fate)
        .ToDictionary(g => g.Key, g => new PackSum(g.Count(), g.Sum(p => p.Size), g.Sum(p => p.UnusedBytes)));
}
