using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// Finds what is missing, altered or foreign, and says which files of which snapshots it costs:
/// 1. every snapshot is read;
/// 2. every key, session record and index segment is read, and compared with its name or opened;
/// 3. the packs that the index names are compared with those that are there;
/// 4. on request packs are read: their hash, footer, and every chunk;
/// 5. every snapshot's tree is walked, and every chunk it uses must be in the index and in a sound pack;
/// 6. for what is lost, the files that use it are named.
/// It changes nothing and may run beside anything: a backup writes packs, index and snapshot in this order, so what is read
/// here in the opposite order is complete. A collection moves chunks and removes packs meanwhile: what seems to be missing is looked for again as
/// long as snapshots and index change, and a pack that is gone is no damage while every chunk that a snapshot uses is somewhere.
/// </summary>
public sealed class RepositoryCheck(ChunkRepository repository, CheckOptions options, IProgress<CheckProgress>? progress)
{
    /// <summary>Walks, when index or snapshots change under each of them. A collection removes nothing for hours after its last change of the index.</summary>
    private const int MaxWalks = 4;

    /// <summary>Runs the check.</summary>
    /// <exception cref="StoreException">The store cannot be listed.</exception>
    public async Task<CheckReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        var findings = new CheckFindings();
        var packs = new PackDataCheck(repository, options, findings, progress);
        for (var walk = 1; ; walk++)
        {
            findings.StartWalk();
            var before = await NamesAsync(cancellationToken);
            var snapshots = await new SnapshotCatalog(repository).ListAsync(exception => DamagedSnapshot(findings, exception), cancellationToken);
            await new ObjectCheck(repository, findings).ExecuteAsync(cancellationToken);
            if (options.ReadData) await packs.ExecuteAsync(cancellationToken);
            await new TreeCheck(repository, options, findings, progress).ExecuteAsync(snapshots, packs.ReadBytes, cancellationToken);
            // What is missing is lost only if nobody has moved or forgotten it since the walk began.
            if (!findings.IsIncomplete || walk == MaxWalks || before.SetEquals(await NamesAsync(cancellationToken))) return Report(findings, packs, snapshots.Count);
        }
    }

    private CheckReport Report(CheckFindings findings, PackDataCheck packs, int snapshots)
    {
        var verifications = options.Verifications;
        verifications?.Keep([.. findings.Packs.Keys]);
        // Those that are damaged were read, or cannot be, and have no time.
        List<DateTimeOffset?> times = verifications is null ? [] : [.. findings.Packs.Keys.Where(p => !findings.DamagedPacks.ContainsKey(p) && !findings.AlteredPacks.ContainsKey(p)).Select(verifications.TimeOf)];
        return new CheckReport(snapshots, findings.Packs.Count, repository.Index.Count, packs.ReadBytes, findings.Problems)
        {
            ReadPacks = packs.ReadPacks,
            PacksLeft = packs.PacksLeft,
            RecentPacks = packs.RecentPacks,
            NeverReadPacks = times.Count(time => time is null),
            OldestVerification = times.Min(),
            Repairs = findings.Repairs,
            DamagedPacks = [.. findings.AlteredPacks.Keys.Concat(findings.DamagedPacks.Keys.Where(findings.Packs.ContainsKey)).Distinct().OrderBy(p => p.Key, StringComparer.Ordinal)],
        };
    }

    /// <summary>What a collection changes before it removes anything.</summary>
    private async Task<HashSet<string>> NamesAsync(CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var prefix in (string[])["index/", SnapshotCatalog.Prefix, "forget/"])
        {
            await foreach (var entry in repository.Store.ListAsync(prefix, cancellationToken)) names.Add(entry.Key);
        }

        return names;
    }

    private static void DamagedSnapshot(CheckFindings findings, RepositoryException exception)
    {
        var isMark = exception is RepositoryFormatException format && format.ObjectKey.StartsWith("forget/", StringComparison.Ordinal);
        if (!isMark) findings.Remedy(RepairStep.Snapshots);
        findings.Damage(
            "snap/", exception,
            isMark ? "the mark does not count, so its snapshot shows again: forget it again, and delete this object" : "that snapshot cannot be restored unless the object is brought back");
    }
}
