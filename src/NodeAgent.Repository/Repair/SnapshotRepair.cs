using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// Writes new versions of snapshots of which something is lost, so that what is left can be restored without an error and collection can work again:
/// 1. a session begins, which brings the index up to date;
/// 2. every snapshot is gone through: what the index does not name is lost, and so is a page or list that cannot be read;
/// 3. of a damaged one a new version is published, without what is lost, that says what is missing and whose version it is. A file that another snapshot
///    of the same source has, untouched, is taken from there;
/// 4. on request the original is forgotten: it can be taken back for a day.
/// The original stays as it is. What its data is damaged in is found by the repair of packs, which comes first.
/// </summary>
public sealed class SnapshotRepair(ChunkRepository repository, SnapshotRepairOptions options, IProgress<CheckProgress>? progress)
{
    /// <summary>The tag of repaired versions.</summary>
    public const string Tag = "repaired";

    private const int MaxIssueText = 1 << 20;

    /// <summary>A file that was not touched is in the snapshots around. Each lost file is looked for in all of them.</summary>
    private const int MaxOthers = 16;

    private readonly SnapshotCatalog _catalog = new(repository);

    /// <summary>Runs it.</summary>
    /// <exception cref="SnapshotNotFoundException">A snapshot that is asked for is not there.</exception>
    /// <exception cref="RepositoryException">The store failed, or a collection removed meanwhile what was relied on: then it can be run again.</exception>
    public async Task<SnapshotRepairReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        // 1. a session
        await using var session = options.DryRun
            ? null
            : await repository.BeginSessionAsync(new WriteSessionOptions { Program = options.Origin.Program, Hostname = options.Origin.Hostname }, cancellationToken);
        if (session is null) await repository.RefreshIndexAsync(cancellationToken);
        var unreadable = new List<RepositoryException>();
        var all = await _catalog.ListAsync(unreadable.Add, cancellationToken);
        var chosen = options.Snapshots is null ? all : [.. await Task.WhenAll(options.Snapshots.Distinct().Select(id => FindAsync(all, id, cancellationToken)))];

        // 2. and 3.
        using var salvage = new TreeSalvage(
            repository,
            id => session?.Contains(id) ?? repository.Index.Contains(id),
            async (kind, plain, token) => session is null ? repository.ComputeId(kind, plain.Span) : (await session.StoreAsync(kind, plain, token)).Id);
        var repaired = new List<RepairedSnapshot>();
        long done = 0;
        foreach (var snapshot in chosen)
        {
            if (await RepairAsync(snapshot, all, salvage, session, cancellationToken) is { } result) repaired.Add(result);
            progress?.Report(new CheckProgress("snapshots", ++done, chosen.Count, 0, 0));
        }

        return new SnapshotRepairReport(chosen.Count, repaired, options.Snapshots is null ? await ReportUnreadableAsync(unreadable, cancellationToken) : []);
    }

    private async Task<Snapshot> FindAsync(List<Snapshot> all, SnapshotId id, CancellationToken cancellationToken) => all.Find(s => s.Id == id) ?? await _catalog.GetAsync(id, cancellationToken);

    private async Task<RepairedSnapshot?> RepairAsync(Snapshot snapshot, List<Snapshot> all, TreeSalvage salvage, WriteSession? session, CancellationToken cancellationToken)
    {
        var root = snapshot.Manifest.ReadRoot();
        if (await salvage.IsSoundAsync(root, cancellationToken)) return null;
        var losses = new List<TreeLoss>();
        var before = salvage.Regained;
        var saved = await salvage.SaveAsync(root, [], OthersOf(snapshot, all), losses.Add, cancellationToken);
        // With less than this one it stays, but another version has what has come back since.
        var encoded = RootEntry.Encode(saved);
        var earlier = all.Find(s => s.Manifest.RepairOf == snapshot.Id.ToString() && s.Manifest.Root.AsSpan().SequenceEqual(encoded));
        SnapshotId? id = earlier?.Id;
        if (session is not null && earlier is null) id = await session.PublishAsync(ManifestOf(snapshot, saved, losses).ToJson(), cancellationToken);
        var isForgotten = options.Forget && !options.DryRun && id is not null;
        if (isForgotten) await _catalog.ForgetAsync(snapshot.Id, $"repaired as {id}", cancellationToken);
        return new RepairedSnapshot(snapshot, id, losses, isForgotten) { IsKnown = earlier is not null, Regained = salvage.Regained - before };
    }

    /// <summary>Snapshots of the same source, beginning with those whose time is nearest.</summary>
    private static List<TreeEntry> OthersOf(Snapshot snapshot, List<Snapshot> all)
    {
        var manifest = snapshot.Manifest;
        var others = new List<TreeEntry>();
        foreach (var other in all.Where(s => s.Id != snapshot.Id && SnapshotSource.IsSame(s.Manifest.Source, s.Manifest.Hostname, manifest.Source, manifest.Hostname))
            .OrderBy(s => (s.Manifest.Time - manifest.Time).Duration()).Take(MaxOthers))
        {
            try
            {
                others.Add(other.Manifest.ReadRoot());
            }
            catch (RepositoryException)
            {
                // It is damaged itself, and is named when it is its turn.
            }
        }

        return others;
    }

    private static SnapshotManifest ManifestOf(Snapshot original, TreeEntry root, List<TreeLoss> losses)
    {
        var issues = new List<SnapshotIssue>();
        long text = 0;
        foreach (var issue in losses.Select(ToIssue).Concat(original.Manifest.Issues))
        {
            text += issue.Path.Length + issue.Display.Length + issue.Operation.Length + issue.Error.Length;
            if (issues.Count == SnapshotManifest.MaxIssues || text > MaxIssueText) break;
            issues.Add(issue);
        }

        return original.Manifest with
        {
            Root = RootEntry.Encode(root),
            RepairOf = original.Id.ToString(),
            Tags = new Dictionary<string, string>(original.Manifest.Tags) { [Tag] = "true" },
            Outcome = losses.Count > 0 ? SnapshotOutcome.PartiallyFailed : original.Manifest.Outcome,
            Issues = issues,
            IssueCount = original.Manifest.IssueCount + losses.Count,
        };
    }

    private static SnapshotIssue ToIssue(TreeLoss loss)
    {
        var display = string.Concat(System.Text.Encoding.UTF8.GetString(loss.Path.Span).Select(c => char.IsControl(c) ? '?' : c));
        return new SnapshotIssue(loss.Path.ToArray(), display, "repair", TreeLossText.Of(loss));
    }

    private async Task<IReadOnlyList<DamagedSnapshotObject>> ReportUnreadableAsync(List<RepositoryException> unreadable, CancellationToken cancellationToken)
    {
        var reported = new List<DamagedSnapshotObject>();
        foreach (var exception in unreadable.OfType<RepositoryFormatException>().Where(e => e.ObjectKey.StartsWith(SnapshotCatalog.Prefix, StringComparison.Ordinal)))
        {
            var isForgotten = false;
            // One that is as it was written is of a newer program, or of a key that is not at hand.
            if (options.Forget && !options.DryRun && SnapshotId.TryParse(exception.ObjectKey[(exception.ObjectKey.LastIndexOf('-') + 1)..], out var id)
                && await IsAlteredAsync(exception.ObjectKey, id, cancellationToken))
            {
                await _catalog.ForgetAsync(id, "its object is damaged", cancellationToken);
                isForgotten = true;
            }

            reported.Add(new DamagedSnapshotObject(exception.ObjectKey, exception.Why, isForgotten));
        }

        return reported;
    }

    private async Task<bool> IsAlteredAsync(string key, SnapshotId id, CancellationToken cancellationToken)
    {
        var hash = new byte[Blake3.HashLength];
        Blake3.Hash(await repository.Store.ReadAllAsync(key, long.MaxValue, cancellationToken), hash);
        return new ChunkId(hash) != id.Hash;
    }
}
