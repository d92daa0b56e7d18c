using System.Collections;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Index;

/// <summary>
/// What a listing of the packs says about an index: which of its packs are not there, or not whole. Takes a bit of memory for each pack that is as the index says, since
/// there may be millions. To be applied while the index still has the base with which it was taken, or one that was made of it.
/// </summary>
internal sealed class PackRoll
{
    private readonly HashSet<PackId> _missing = [];
    private readonly HashSet<PackId> _doubted = [];
    private readonly Dictionary<PackId, long> _others = [];

    private PackRoll()
    {
    }

    /// <summary>Packs that are there and that the index did not know, with their lengths.</summary>
    public IReadOnlyDictionary<PackId, long> Others => _others;

    /// <summary>Goes through a listing of all packs.</summary>
    public static async Task<PackRoll> TakeAsync(ChunkIndex index, IAsyncEnumerable<StoreEntry> listing, CancellationToken cancellationToken)
    {
        var roll = new PackRoll();
        // What sessions add from here on may be missing in the listing.
        var limit = index.PackOrdinalLimit;
        var whole = new BitArray(limit);
        await foreach (var entry in listing.WithCancellation(cancellationToken))
        {
            if (!PackId.TryParse(entry.Key, out var pack) || pack.Key != entry.Key) continue;
            if (!index.TryGetPack(pack, out var ordinal, out var size)) roll._others[pack] = entry.Length;
            else if (ordinal < limit && size == entry.Length) whole[ordinal] = true;
        }

        try
        {
            roll.Compare(index, whole);
        }
        catch (IndexCacheDamagedException)
        {
            // Seen below.
        }

        if (!index.NeedsBase) return roll;
        // A damaged base knows nothing any more. All of its packs are looked for when it is made again.
        roll._missing.Clear();
        roll._doubted.Clear();
        return roll;
    }

    /// <summary>Tells the index, after it was brought up to date.</summary>
    /// <param name="index">The index.</param>
    /// <param name="condemned">Packs that collections are retiring.</param>
    /// <param name="leftOut">Packs that no segment names any more.</param>
    public void Apply(ChunkIndex index, IReadOnlySet<PackId> condemned, IReadOnlySet<PackId> leftOut)
    {
        foreach (var pack in _missing) index.SetStanding(pack, PackStanding.Lost);
        foreach (var pack in _doubted)
        {
            if (!condemned.Contains(pack) && index.StandingOf(pack) is PackStanding.Condemned or PackStanding.Lost) index.SetStanding(pack, PackStanding.Named);
        }

        foreach (var pack in leftOut)
        {
            // Those that came since the listing have been looked for since.
            if (_missing.Contains(pack) || _others.ContainsKey(pack)) continue;
            if (index.StandingOf(pack) == PackStanding.Lost && !_doubted.Contains(pack)) continue;
            index.SetStanding(pack, condemned.Contains(pack) ? PackStanding.Condemned : PackStanding.Unnamed);
        }
    }

    private void Compare(ChunkIndex index, BitArray whole)
    {
        foreach (var pack in index.EnumeratePacks())
        {
            if (pack.Ordinal >= whole.Length) break;
            if (!whole[pack.Ordinal]) _missing.Add(pack.Pack);
            else if (pack.Standing is PackStanding.Condemned or PackStanding.Lost) _doubted.Add(pack.Pack);
        }
    }
}
