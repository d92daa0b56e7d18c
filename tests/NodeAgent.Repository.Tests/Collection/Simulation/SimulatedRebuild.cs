using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A rebuild of the index: what no segment names is named, then segments are merged, as collections do it too. Without a fence, however long it is held up.</summary>
internal sealed class SimulatedRebuild(SimulatedStore store, SimulatedRecords records, SegmentRewriteOptions options)
{
    /// <summary>How many packs were named again.</summary>
    public int NamedAgain { get; private set; }

    public async Task<SegmentRewriteReport> ExecuteAsync()
    {
        var segments = new SegmentCatalog(records);
        await segments.RefreshAsync(null, null, CancellationToken.None);
        var named = segments.Current.SelectMany(s => s.Facts.Packs).ToHashSet();
        var unnamed = new List<PackContents>();
        var listed = new List<(PackId Pack, long Length)>();
        await foreach (var entry in store.ListAsync(PackId.Prefix, CancellationToken.None))
        {
            if (PackId.TryParse(entry.Key, out var pack) && !named.Contains(pack)) listed.Add((pack, entry.Length));
        }

        foreach (var (pack, length) in listed) unnamed.Add(await records.ReadPackAsync(pack, length, CancellationToken.None));
        if (unnamed.Count > 0) await records.PutSegmentAsync(unnamed);
        NamedAgain = unnamed.Count;
        await segments.RefreshAsync(null, null, CancellationToken.None);
        return await new SegmentRewrite(records, segments, options).ExecuteAsync(
            new HashSet<PackId>(), async (key, content, token) => await store.PutAsync(key, content, token), CancellationToken.None);
    }
}
