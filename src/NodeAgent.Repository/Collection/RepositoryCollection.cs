using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository.Collection;

/// <summary>Removes from a repository what no snapshot uses. Safe at any moment, beside backups, restores and other collections.</summary>
public static class RepositoryCollection
{
    /// <summary>Runs a collection, or says what one would do.</summary>
    /// <exception cref="CollectionRefusedException">It cannot be told what is garbage; nothing was removed.</exception>
    /// <exception cref="RepositoryException">The store failed, or this process was held up for days. What was done is valid.</exception>
    public static Task<CollectionReport> ExecuteAsync(ChunkRepository repository, CollectionOptions options, IProgress<CollectionProgress>? progress, CancellationToken cancellationToken) =>
        ExecuteAsync(repository, options, CollectionTimes.Default, progress, cancellationToken);

    internal static async Task<CollectionReport> ExecuteAsync(
        ChunkRepository repository, CollectionOptions options, CollectionTimes times, IProgress<CollectionProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(options);
        using var collected = new CollectedRepository(repository);
        using var collector = new Collector(collected, options, times, progress);
        var record = new SessionRecord(repository.Time.GetUtcNow(), options.Program, options.Hostname, (int)times.FenceLifetime.TotalSeconds);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var heart = options.DryRun ? Task.CompletedTask : Heart.BeatAsync(() => collector.BeatAsync(record, stop.Token), times.Heartbeat, repository.Time, stop.Token);
        try
        {
            var report = await collector.ExecuteAsync(record, cancellationToken);
            // One that another collection has deleted while this one copied from it is no damage.
            var damaged = new List<string>();
            foreach (var pack in report.DamagedPacks)
            {
                if (await repository.Store.StatAsync(pack, cancellationToken) is not null) damaged.Add(pack);
            }

            return report with { DamagedPacks = damaged };
        }
        finally
        {
            await stop.CancelAsync();
            await heart;
        }
    }
}
