using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Verification;

/// <summary>Reads every key, session record, record of a collection and index segment, and compares the packs that the index names with those that are there.</summary>
internal sealed class ObjectCheck(ChunkRepository repository, CheckFindings findings)
{
    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        await CheckKeysAsync(cancellationToken);
        await CheckSessionsAsync(cancellationToken);
        await CheckCollectionAsync(cancellationToken);
        await CheckIndexAsync(cancellationToken);
        await CheckPacksAsync(cancellationToken);
        await NoteKeptAsync(cancellationToken);
    }

    private async Task CheckKeysAsync(CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(KeyObject.Prefix, cancellationToken))
        {
            try
            {
                var content = await repository.Store.ReadAllAsync(entry.Key, KeyObject.MaxLength, cancellationToken);
                if (entry.Key != KeyObject.Prefix + KeyObject.Name(content))
                    throw new RepositoryFormatException(entry.Key, 0, "the object's content is not what its name says");
                ObjectHeader.Read(content, ObjectKind.Key, [], content.Length, entry.Key);
                if (!ObjectHeader.RepositoryId(content).SequenceEqual(repository.RepositoryId))
                    findings.Add(new CheckProblem(entry.Key, null, "this key is another repository's, or of one that was not completed here; it is not used", IsDamage: false));
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Removed or replaced meanwhile.
            }
            catch (RepositoryException exception)
            {
                findings.Damage(entry.Key, exception, "who holds this key can no longer open the repository: restore the object from a copy");
            }
        }
    }

    private async Task CheckSessionsAsync(CancellationToken cancellationToken)
    {
        var keys = new List<string>();
        await foreach (var entry in repository.Store.ListAsync(WriteSession.RecordPrefix, cancellationToken)) keys.Add(entry.Key);
        await foreach (var problem in ManyReads.ReadAsync(keys, LookAtAsync))
        {
            if (problem is not null) findings.Add(problem);
        }

        async Task<CheckProblem?> LookAtAsync(string key)
        {
            try
            {
                await repository.Objects.ReadAsync(key, ObjectKind.Session, EnvelopeType.SessionRecord, WriteSession.MaxRecordLength, cancellationToken);
                return null;
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Tidied away meanwhile.
                return null;
            }
            catch (RepositoryException exception)
            {
                // It only tells who wrote; nothing is restored from it.
                var format = exception as RepositoryFormatException;
                return new CheckProblem(key, format?.Offset, format?.Why ?? exception.Message, IsDamage: false);
            }
        }
    }

    /// <summary>Records that say what is being removed, as every backup judges them before it publishes.</summary>
    private async Task CheckCollectionAsync(CancellationToken cancellationToken)
    {
        using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        var ledger = await Ledger.ReadAsync(repository.Store, new SealedRecords(repository, cipher), null, cancellationToken);
        foreach (var (key, damage) in ledger.Entries.Select(e => (e.Key, e.Damage)).Concat(ledger.Drops.Select(d => (d.Key, d.Damage))))
        {
            if (damage is not null)
                findings.Damage(key, damage, "while it is there no backup and no prune can go on: make sure that no \"nodeagent repo prune\" is running, then delete this one object");
        }
    }

    /// <summary>Loads the index as any reader does, then compares every segment with its name, one at a time: a part of the index may be of this machine's cache.</summary>
    private async Task CheckIndexAsync(CancellationToken cancellationToken)
    {
        var isLoaded = await TryLoadIndexAsync(cancellationToken);
        var damaged = false;
        var named = new Dictionary<ChunkId, List<(PackId Pack, long Size)>>();
        var replaced = new HashSet<ChunkId>();
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            if (!IndexSegment.IsKey(entry.Key))
            {
                findings.Add(new CheckProblem(entry.Key, null, "this is not the name of an index segment; it is not used", IsDamage: false));
                continue;
            }

            try
            {
                var segment = await repository.ReadSegmentAsync(entry.Key, cancellationToken);
                named[IndexSegment.HashOf(entry.Key)] = [.. segment.Packs.Select(p => (p.Pack, p.Size))];
                replaced.UnionWith(segment.Superseded);
                if (isLoaded) continue;
                foreach (var pack in segment.Packs) repository.Learn(pack);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Merged into another one meanwhile, which may not have been in this list.
                findings.IsIncomplete = true;
            }
            catch (RepositoryException exception)
            {
                damaged = true;
                findings.Remedy(RepairStep.Index);
                findings.Damage(entry.Key, exception, "the packs that only it names are found by their own footers, which takes longer");
            }
        }

        // What is in memory may still know packs that a collection has left out meanwhile.
        foreach (var (pack, size) in named.Where(s => !replaced.Contains(s.Key)).SelectMany(s => s.Value)) findings.Packs.TryAdd(pack, size);
        // Segments that a backup wrote after the index was loaded.
        if (isLoaded && findings.Packs.Keys.Any(pack => !repository.Index.Knows(pack))) await TryLoadIndexAsync(cancellationToken);

        if (damaged) await AddUnnamedPacksAsync(cancellationToken);
    }

    /// <summary>False when a segment cannot be understood, by this program or with these keys: then what can be is learnt segment by segment.</summary>
    private async Task<bool> TryLoadIndexAsync(CancellationToken cancellationToken)
    {
        try
        {
            await repository.RefreshIndexAsync(cancellationToken);
            return true;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
    }

    /// <summary>Takes the packs that only their own footers tell of as part of the repository, once it is known that the index is not whole.</summary>
    private async Task AddUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        await repository.SearchUnnamedPacksAsync(cancellationToken);
        foreach (var (pack, length) in await repository.ListPacksAsync(cancellationToken))
        {
            if (repository.Index.Knows(pack)) findings.Packs.TryAdd(pack, length);
        }
    }

    private async Task CheckPacksAsync(CancellationToken cancellationToken)
    {
        var there = new Dictionary<PackId, long>();
        await foreach (var entry in repository.Store.ListAsync("data/", cancellationToken))
        {
            // A name in other letters than ours would stand for the same pack.
            if (PackId.TryParse(entry.Key, out var id) && id.Key == entry.Key) there[id] = entry.Length;
            else findings.Add(new CheckProblem(entry.Key, null, "this is not the name of a pack; it is not used", IsDamage: false));
        }

        foreach (var (pack, size) in findings.Packs)
        {
            if (!there.TryGetValue(pack, out var length))
            {
                // Whether that is damage depends on who needs it.
                findings.DamagedPacks.TryAdd(pack, 0);
                repository.Index.SetStanding(pack, PackStanding.Lost);
            }
            else if (length != size && await findings.IsMendableAsync(repository, pack, cancellationToken))
            {
                findings.MendablePacks.TryAdd(pack, true);
                findings.Remedy(RepairStep.Packs);
            }
            else if (length != size)
            {
                findings.DamagedPacks.TryAdd(pack, length);
                repository.Index.SetStanding(pack, PackStanding.Lost);
                findings.Remedy(RepairStep.Packs);
                findings.Add(new CheckProblem(pack.Key, Math.Min(length, size), $"the pack has {length} bytes, the index says {size}: it is truncated or altered", IsDamage: true));
            }
        }

        foreach (var (pack, length) in findings.UnreadablePacks) findings.DamagedPacks.TryAdd(pack, length);
        foreach (var pack in there.Keys.Where(p => !findings.Packs.ContainsKey(p)))
            findings.Add(new CheckProblem(pack.Key, null, "no index segment names this pack: left by a run that was stopped, or by one that is under way (\"nodeagent repo repair index\" has the next backup use what is in it, \"nodeagent repo prune\" removes it)", IsDamage: false));
    }

    private async Task NoteKeptAsync(CancellationToken cancellationToken)
    {
        var kept = await QuarantinedPack.ListAsync(repository, cancellationToken);
        if (kept.Count > 0)
            findings.Add(new CheckProblem(QuarantinedPack.Prefix, null, $"repairs have kept {kept.Count} damaged {(kept.Count == 1 ? "pack" : "packs")} aside, {kept.Sum(e => e.Length)} bytes (\"nodeagent repo repair packs --discard-kept\" deletes them)", IsDamage: false));
    }
}
