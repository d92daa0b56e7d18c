using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>Snapshots that were forgotten, and whose marks a record has made final.</summary>
internal sealed class DroppedSnapshots(CollectionScope scope, SettlementWait wait)
{
    /// <summary>The snapshots of which it is certain that they are not taken back.</summary>
    public async Task<HashSet<SnapshotId>> FindAsync(Condemnation condemned, Ledger ledger, CancellationToken cancellationToken)
    {
        var gone = new HashSet<SnapshotId>();
        if (condemned.Gone.Count == 0) return gone;
        if (scope.Omits(OmittedSteps.DropRecord)) return [.. (await ForgetMarks.ListAsync(scope.Repository, scope.Grace, cancellationToken)).Values.Where(f => f.IsMature).Select(f => f.Id)];
        // The reach is over before the marks are listed, or they are not gone for this run.
        var sessions = await SessionRoll.ReadAsync(scope.Store, cancellationToken);
        var now = await scope.Store.GetTimeAsync(cancellationToken);
        var settled = new HashSet<string>();
        foreach (var drop in scope.Store.HasExclusiveFences && !scope.Omits(OmittedSteps.ExclusiveCondemn) ? condemned.Ledger.Drops : ledger.Drops)
        {
            if (scope.Store.HasExclusiveFences || scope.Omits(OmittedSteps.DropSettles) || (await wait.SettlesAsync(drop.Written, sessions, now, cancellationToken)).Until <= now) settled.UnionWith(drop.Marks);
        }

        foreach (var forgotten in (await ForgetMarks.ListAsync(scope.Repository, scope.Grace, cancellationToken)).Values)
        {
            if (condemned.Gone.ContainsKey(forgotten.Id) && forgotten.Marks.Any(settled.Contains)) gone.Add(forgotten.Id);
        }

        return gone;
    }

    /// <summary>
    /// Removes the objects of snapshots that are gone, then their marks: never the other way round. All of those, and only those, without which it was decided what
    /// is deleted: asked once more, the sessions may give another answer, and a snapshot would stay without its data.
    /// </summary>
    public async Task RemoveAsync(IReadOnlySet<SnapshotId> gone, CancellationToken cancellationToken)
    {
        if (gone.Count == 0) return;
        foreach (var (key, id) in await ForgetMarks.ListSnapshotsAsync(scope.Store, cancellationToken))
        {
            if (gone.Contains(id)) await scope.Store.DeleteAsync(key, cancellationToken);
        }

        foreach (var (entry, id) in await ForgetMarks.ListMarksAsync(scope.Store, ForgetMarks.Prefix, cancellationToken))
        {
            if (gone.Contains(id)) await scope.Store.DeleteAsync(entry.Key, cancellationToken);
        }
    }
}
