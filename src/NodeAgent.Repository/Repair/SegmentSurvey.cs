using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// All index segments as they are in the store, read one at a time. In memory is what packs they name, 40 bytes each.
/// </summary>
internal sealed class SegmentSurvey
{
    private readonly List<SegmentOutline> _all = [];

    private SegmentSurvey()
    {
    }

    /// <summary>The sound ones that no other one replaces.</summary>
    public IReadOnlyList<SegmentOutline> Current { get; private set; } = [];

    /// <summary>All sound ones.</summary>
    public IReadOnlyList<SegmentOutline> All => _all;

    /// <summary>Those whose content is not the one that their name was made from.</summary>
    public List<string> Damaged { get; } = [];

    /// <summary>Those that are as they were written and that this program, or these keys, cannot read.</summary>
    public List<CheckProblem> Foreign { get; } = [];

    /// <summary>Reads all.</summary>
    /// <param name="repository">Whose.</param>
    /// <param name="visit">Is given each pack of each segment, replaced ones among them; null for nobody.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<SegmentSurvey> ReadAsync(ChunkRepository repository, Action<PackContents>? visit, CancellationToken cancellationToken)
    {
        var survey = new SegmentSurvey();
        var listed = new List<string>();
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            if (IndexSegment.IsKey(entry.Key)) listed.Add(entry.Key);
        }

        foreach (var key in listed)
        {
            try
            {
                var segment = await repository.ReadSegmentAsync(key, cancellationToken);
                if (visit is not null)
                {
                    foreach (var pack in segment.Packs) visit(pack);
                }

                survey._all.Add(new SegmentOutline(key, IndexSegment.HashOf(key), [.. segment.Packs.Select(p => p.Pack)], segment.Superseded));
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Replaced long ago, and removed since it was listed: what replaces it is in the list.
            }
            catch (RepositoryFormatException exception)
            {
                // Only what is certainly not what was written may go: one of a key that is not at hand is as its name says.
                if (await repository.IsAlteredAsync(key, cancellationToken)) survey.Damaged.Add(key);
                else survey.Foreign.Add(new CheckProblem(key, exception.Offset, exception.Why, IsDamage: true));
            }
        }

        var replaced = survey._all.SelectMany(s => s.Superseded).ToHashSet();
        survey.Current = [.. survey._all.Where(s => !replaced.Contains(s.Hash))];
        return survey;
    }
}
