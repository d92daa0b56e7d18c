using System.Globalization;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Verification;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Controller.Maintenance;

/// <summary>
/// One run of maintenance of a location's repository, beside whatever backups and restores are under way:
/// (1) the repository is opened; (2) its structure is checked, and a part of its packs read, those that were read longest ago;
/// (3) what no snapshot uses is removed, unless damage was found: what looks unused may be what a repair needs.
/// </summary>
internal sealed class MaintenanceRun(LocationRepositories repositories, StorageLocations locations, MaintenanceSettings settings, ControllerOptions options, TimeProvider time)
{
    private const int MaxNamed = 3;

    /// <summary>Runs it. What is wrong with the place or the repository is an outcome, not an exception.</summary>
    public async Task<MaintenanceOutcome> ExecuteAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        try
        {
            // 1. The repository.
            await using var repository = await repositories.OpenAsync(location, cancellation);

            // 2. Is all there?
            var check = await CheckAsync(location, repository, cancellation);
            var damaged = check.Problems.Where(p => p.IsDamage).Select(p => p.ObjectKey).Distinct(StringComparer.Ordinal).ToList();
            if (damaged.Count > 0) return Damaged(check, damaged);

            // 3. Is it needed?
            var collection = await CollectAsync(repository, cancellation);
            var freed = Math.Max(0, collection.DeletedBytes - collection.CopiedBytes);
            var message = string.Create(
                CultureInfo.InvariantCulture,
                $"packs deleted: {collection.DeletedPacks}; bytes freed: {freed}{Waiting(collection)}; snapshots checked: {check.Snapshots}; packs read: {check.ReadPacks} of {check.Packs}; no damage");
            return collection.DamagedPacks.Count == 0
                ? new MaintenanceOutcome(MaintenanceOutcome.Succeeded, message) { FreedBytes = freed, Damaged = 0 }
                : new MaintenanceOutcome(MaintenanceOutcome.Failed, $"data that is used could not be copied from {Names(collection.DamagedPacks)}: run \"nodeagent repo check --read-data\"") { FreedBytes = freed, Damaged = collection.DamagedPacks.Count };
        }
        catch (Exception e) when (e is RepositoryException || BucketFailure.IsCauseOf(e))
        {
            return new MaintenanceOutcome(MaintenanceOutcome.Failed, e.Message);
        }
    }

    private async Task<CheckReport> CheckAsync(BackupStorageLocation location, ChunkRepository repository, CancellationToken cancellation)
    {
        var check = new CheckOptions { MaxFiles = 0 };
        if (settings.ReadShare <= 0) return await new RepositoryCheck(repository, check, null).ExecuteAsync(cancellation);
        await using var bucket = locations.OpenBucket(await locations.DescribeAsync(location, cancellation), RetryOptions.ForController);
        using var memory = new CheckMemory(bucket, await repositories.DeriveSealAsync(cancellation), options.WorkDirectory ?? Path.GetTempPath());
        var verifications = await memory.LoadAsync(repository, cancellation);
        check = check with { ReadData = true, Share = settings.ReadShare, Deadline = time.GetUtcNow() + options.MaintenanceReadTime, Verifications = verifications };
        var report = await new RepositoryCheck(repository, check, null).ExecuteAsync(cancellation);
        await memory.SaveAsync(repository, verifications, cancellation);
        return report;
    }

    private Task<CollectionReport> CollectAsync(ChunkRepository repository, CancellationToken cancellation) => RepositoryCollection.ExecuteAsync(
        repository,
        new CollectionOptions
        {
            MaxUnusedShare = settings.MaxUnusedShare,
            // What running backups keep from being deleted is the next run's.
            Wait = false,
            Program = $"nodeagent {typeof(MaintenanceRun).Assembly.GetName().Version?.ToString(3)}",
            Hostname = Environment.MachineName,
        },
        null,
        cancellation);

    private static MaintenanceOutcome Damaged(CheckReport check, List<string> damaged)
    {
        var first = check.Problems.First(p => p.IsDamage);
        return new MaintenanceOutcome(MaintenanceOutcome.Failed, $"DAMAGED: {Names(damaged)}; the first: {first.Message}. Nothing was removed. \"nodeagent repo check\" on this repository says what it costs and what mends it")
        {
            Damaged = damaged.Count,
        };
    }

    private static string Waiting(CollectionReport collection) =>
        collection.CondemnedPacks == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; packs left to the next run because backups may still be publishing: {collection.CondemnedPacks}");

    private static string Names(IReadOnlyList<string> objects) => string.Join(", ", objects.Take(MaxNamed)) + (objects.Count > MaxNamed ? $" and {objects.Count - MaxNamed} more" : "");
}
