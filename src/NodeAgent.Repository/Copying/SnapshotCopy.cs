using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Copying;

/// <summary>
/// Copies snapshots from one repository to another, whose keys are its own:
/// 1. the snapshots that the target has already are found: each copy says whose copy it is;
/// 2. a session of the target begins;
/// 3. from the oldest on, each tree is gone through beside an earlier snapshot of the same source and its copy, so that what was copied then is not read again;
///    every other chunk is read, gets the id that it has in the target, and is stored unless it is there;
/// 4. the copy is published.
/// What was stored before it is stopped is used by the next run. Both repositories may be in use by anybody meanwhile.
/// </summary>
public sealed class SnapshotCopy(ChunkRepository source, ChunkRepository target, SnapshotCopyOptions options, IProgress<CheckProgress>? progress)
{
    private readonly Dictionary<SnapshotOrigin, Snapshot> _copies = [];
    private readonly HashSet<string> _own = [];
    private long _readBytes;

    /// <summary>Runs it. A damaged snapshot of the source does not stop the others.</summary>
    /// <exception cref="RepositoryException">A store failed.</exception>
    public async Task<SnapshotCopyReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        if (source.Config.Id == target.Config.Id) throw new RepositoryException($"{source.Store.Location} and {target.Store.Location} are the same repository, or copies of one: there is nothing to copy");

        // 1. what is there
        await source.RefreshIndexAsync(cancellationToken);
        foreach (var snapshot in await new SnapshotCatalog(target).ListAsync(static _ => { }, cancellationToken))
        {
            _own.Add(snapshot.Id.ToString());
            if (snapshot.Manifest.CopyOf is { } origin) _copies[origin] = snapshot;
        }

        var wanted = options.Snapshots.OrderBy(s => s.Manifest.Time).ThenBy(s => s.Id.Hash).ToList();
        var stored = default(SessionStatistics);
        var copied = new List<CopiedSnapshot>();
        var next = 0;
        for (var restarts = 0; next < wanted.Count; restarts++)
        {
            // 2. a session
            await using var session = options.DryRun
                ? null
                : await target.BeginSessionAsync(new WriteSessionOptions { Program = options.Origin.Program, Hostname = options.Origin.Hostname, Uploads = 4 }, cancellationToken);
            try
            {
                using var trees = session is null ? null : new TreeCopy(source, target, session, options.Rechunk || source.Config.Parameters.Chunker != target.Config.Parameters.Chunker, options.Workers);
                long files = 0;
                var total = wanted.Sum(s => s.Manifest.Stats.Bytes);
                trees?.OnProgress(bytes => progress?.Report(new CheckProgress("snapshots", next, wanted.Count, Interlocked.Add(ref files, bytes), total)));
                for (; next < wanted.Count; next++)
                {
                    copied.Add(await CopyAsync(wanted[next], trees, session, cancellationToken));
                    progress?.Report(new CheckProgress("snapshots", next + 1, wanted.Count, Interlocked.Read(ref files), total));
                }

                _readBytes += trees?.ReadBytes ?? 0;
            }
            catch (RepositoryException exception) when (exception is SnapshotAbandonedException or SessionRevokedException && restarts == 0)
            {
                // A collection of the target removed what this session relied on. A new one knows what is left.
            }

            if (session is not null) stored = Add(stored, session.Statistics);
        }

        return new SnapshotCopyReport(copied, stored, _readBytes);
    }

    private async Task<CopiedSnapshot> CopyAsync(Snapshot snapshot, TreeCopy? trees, WriteSession? session, CancellationToken cancellationToken)
    {
        var origin = OriginOf(snapshot);
        if (origin.Repository == target.Config.Id && _own.Contains(origin.Snapshot) && SnapshotId.TryParse(origin.Snapshot, out var own)) return new CopiedSnapshot(snapshot, own, false, null);
        if (_copies.TryGetValue(origin, out var there)) return new CopiedSnapshot(snapshot, there.Id, false, null);
        if (trees is null || session is null) return new CopiedSnapshot(snapshot, null, true, null);
        try
        {
            // 3. the tree
            var earlier = await FindEarlierAsync(snapshot, cancellationToken);
            var root = await trees.CopyAsync(snapshot.Manifest.ReadRoot(), earlier?.Original.Manifest.ReadRoot(), earlier?.Copy.Manifest.ReadRoot(), cancellationToken);

            // 4. the snapshot
            var manifest = snapshot.Manifest with
            {
                Root = RootEntry.Encode(root),
                CopyOf = origin,
                Parent = CopyIdOf(snapshot.Manifest.Parent),
                RepairOf = CopyIdOf(snapshot.Manifest.RepairOf),
            };
            var id = await session.PublishAsync(manifest.ToJson(), cancellationToken);
            _copies[origin] = new Snapshot(id, manifest);
            return new CopiedSnapshot(snapshot, id, true, null);
        }
        catch (RepositoryException exception) when (exception is RepositoryFormatException or ChunkNotFoundException)
        {
            return new CopiedSnapshot(snapshot, null, false, exception.Message);
        }
    }

    /// <summary>The latest snapshot of the same source of which there is a copy. Chunks that were cut anew do not fit together with it.</summary>
    private async Task<(Snapshot Original, Snapshot Copy)?> FindEarlierAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        _all ??= await new SnapshotCatalog(source).ListAsync(static _ => { }, cancellationToken);
        var candidates = _all.Where(s => s.Id != snapshot.Id && _copies.ContainsKey(OriginOf(s)) && SnapshotSource.IsSame(s.Manifest.Source, s.Manifest.Hostname, snapshot.Manifest.Source, snapshot.Manifest.Hostname));
        return candidates.MaxBy(s => s.Manifest.Time) is { } found ? (found, _copies[OriginOf(found)]) : null;
    }

    private List<Snapshot>? _all;

    private SnapshotOrigin OriginOf(Snapshot snapshot) => snapshot.Manifest.CopyOf ?? new SnapshotOrigin(source.Config.Id, snapshot.Id.ToString());

    private string? CopyIdOf(string? id) => id is not null && _copies.TryGetValue(new SnapshotOrigin(source.Config.Id, id), out var copy) ? copy.Id.ToString() : null;

    private static SessionStatistics Add(SessionStatistics a, SessionStatistics b) => new(
        a.NewChunks + b.NewChunks, a.NewBytes + b.NewBytes, a.NewDataBytes + b.NewDataBytes, a.StoredBytes + b.StoredBytes, a.ReusedChunks + b.ReusedChunks, a.ReusedBytes + b.ReusedBytes);
}
