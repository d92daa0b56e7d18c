using System.Buffers;
using System.Collections.Concurrent;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

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
    private const int MaxPackLength = 512 << 20;

    /// <summary>Walks, when index or snapshots change under each of them. A collection removes nothing for hours after its last change of the index.</summary>
    private const int MaxWalks = 4;

    private readonly ConcurrentQueue<CheckProblem> _problems = new();
    private readonly ConcurrentDictionary<PackId, long> _packs = new();
    private readonly ConcurrentDictionary<PackId, long> _damagedPacks = new();
    private readonly ConcurrentDictionary<ChunkId, string> _lostChunks = new();

    // What reading found stays found; what walking found is found again by each walk.
    private readonly ConcurrentDictionary<(ChunkId Chunk, PackId Pack), bool> _unreadableChunks = new();
    private readonly ConcurrentDictionary<PackId, long> _unreadablePacks = new();
    private readonly ConcurrentQueue<CheckProblem> _readProblems = new();
    private readonly HashSet<PackId> _neededPacks = [];
    private readonly ConcurrentDictionary<PackId, bool> _alteredPacks = new();

    /// <summary>Packs of another length than they had, of which nothing is lost: what was read of them would be told twice.</summary>
    private readonly ConcurrentDictionary<PackId, bool> _mendablePacks = new();
    private readonly ConcurrentDictionary<RepairStep, bool> _remedies = new();
    private readonly ConcurrentDictionary<RepairStep, bool> _readRemedies = new();
    private bool _isReading;
    private bool _isIncomplete;
    private long _readBytes;
    private readonly ConcurrentDictionary<PackId, bool> _readPacks = new();
    private int _packsLeft;
    private int _recentPacks;

    /// <summary>Runs the check.</summary>
    /// <exception cref="StoreException">The store cannot be listed.</exception>
    public async Task<CheckReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        for (var walk = 1; ; walk++)
        {
            StartWalk();
            var before = await NamesAsync(cancellationToken);
            var snapshots = await new SnapshotCatalog(repository).ListAsync(DamagedSnapshot, cancellationToken);
            await CheckKeysAsync(cancellationToken);
            await CheckSessionsAsync(cancellationToken);
            await CheckCollectionAsync(cancellationToken);
            await CheckIndexAsync(cancellationToken);
            await CheckPacksAsync(cancellationToken);
            if (options.ReadData) await ReadPacksAsync(cancellationToken);
            await NoteKeptAsync(cancellationToken);
            await CheckTreesAsync(snapshots, cancellationToken);
            // What is missing is lost only if nobody has moved or forgotten it since the walk began.
            if (!_isIncomplete || walk == MaxWalks || before.SetEquals(await NamesAsync(cancellationToken))) return Report(snapshots.Count);
        }
    }

    private void StartWalk()
    {
        _problems.Clear();
        _packs.Clear();
        _damagedPacks.Clear();
        _lostChunks.Clear();
        _neededPacks.Clear();
        _remedies.Clear();
        _isIncomplete = false;
        (_packsLeft, _recentPacks) = (0, 0);
    }

    private CheckReport Report(int snapshots)
    {
        var verifications = options.Verifications;
        verifications?.Keep([.. _packs.Keys]);
        // Those that are damaged were read, or cannot be, and have no time.
        List<DateTimeOffset?> times = verifications is null ? [] : [.. _packs.Keys.Where(p => !_damagedPacks.ContainsKey(p) && !_alteredPacks.ContainsKey(p)).Select(verifications.TimeOf)];
        return new CheckReport(snapshots, _packs.Count, repository.Index.Count, _readBytes, [.. _readProblems, .. _problems])
        {
            ReadPacks = _readPacks.Count,
            PacksLeft = _packsLeft,
            RecentPacks = _recentPacks,
            NeverReadPacks = times.Count(time => time is null),
            OldestVerification = times.Min(),
            Repairs = [.. _remedies.Keys.Concat(_readRemedies.Keys).Concat(_alteredPacks.IsEmpty ? [] : [RepairStep.Packs]).Distinct().Order()],
            DamagedPacks = [.. _alteredPacks.Keys.Concat(_damagedPacks.Keys.Where(_packs.ContainsKey)).Distinct().OrderBy(p => p.Key, StringComparer.Ordinal)],
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
                    _problems.Enqueue(new CheckProblem(entry.Key, null, "this key is another repository's, or of one that was not completed here; it is not used", IsDamage: false));
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Removed or replaced meanwhile.
            }
            catch (RepositoryException exception)
            {
                Damage(entry.Key, exception, "who holds this key can no longer open the repository: restore the object from a copy");
            }
        }
    }

    private async Task CheckSessionsAsync(CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(WriteSession.RecordPrefix, cancellationToken))
        {
            try
            {
                await repository.ReadSealedAsync(entry.Key, ObjectKind.Session, EnvelopeType.SessionRecord, WriteSession.MaxRecordLength, cancellationToken);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Tidied away meanwhile.
            }
            catch (RepositoryException exception)
            {
                // It only tells who wrote; nothing is restored from it.
                var format = exception as RepositoryFormatException;
                _problems.Enqueue(new CheckProblem(entry.Key, format?.Offset, format?.Why ?? exception.Message, IsDamage: false));
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
                Damage(key, damage, "while it is there no backup and no prune can go on: make sure that no \"nodeagent repo prune\" is running, then delete this one object");
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
                _problems.Enqueue(new CheckProblem(entry.Key, null, "this is not the name of an index segment; it is not used", IsDamage: false));
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
                _isIncomplete = true;
            }
            catch (RepositoryException exception)
            {
                damaged = true;
                Remedy(RepairStep.Index);
                Damage(entry.Key, exception, "the packs that only it names are found by their own footers, which takes longer");
            }
        }

        // What is in memory may still know packs that a collection has left out meanwhile.
        foreach (var (pack, size) in named.Where(s => !replaced.Contains(s.Key)).SelectMany(s => s.Value)) _packs.TryAdd(pack, size);
        // Segments that a backup wrote after the index was loaded.
        if (isLoaded && _packs.Keys.Any(pack => !repository.Index.Knows(pack))) await TryLoadIndexAsync(cancellationToken);

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
            if (repository.Index.Knows(pack)) _packs.TryAdd(pack, length);
        }
    }

    private async Task CheckPacksAsync(CancellationToken cancellationToken)
    {
        var there = new Dictionary<PackId, long>();
        await foreach (var entry in repository.Store.ListAsync("data/", cancellationToken))
        {
            // A name in other letters than ours would stand for the same pack.
            if (PackId.TryParse(entry.Key, out var id) && id.Key == entry.Key) there[id] = entry.Length;
            else _problems.Enqueue(new CheckProblem(entry.Key, null, "this is not the name of a pack; it is not used", IsDamage: false));
        }

        foreach (var (pack, size) in _packs)
        {
            if (!there.TryGetValue(pack, out var length))
            {
                // Whether that is damage depends on who needs it.
                _damagedPacks.TryAdd(pack, 0);
                repository.Index.SetStanding(pack, PackStanding.Lost);
            }
            else if (length != size && await IsMendableAsync(pack, cancellationToken))
            {
                _mendablePacks.TryAdd(pack, true);
                Remedy(RepairStep.Packs);
            }
            else if (length != size)
            {
                _damagedPacks.TryAdd(pack, length);
                repository.Index.SetStanding(pack, PackStanding.Lost);
                Remedy(RepairStep.Packs);
                _problems.Enqueue(new CheckProblem(pack.Key, Math.Min(length, size), $"the pack has {length} bytes, the index says {size}: it is truncated or altered", IsDamage: true));
            }
        }

        foreach (var (pack, length) in _unreadablePacks) _damagedPacks.TryAdd(pack, length);
        foreach (var pack in there.Keys.Where(p => !_packs.ContainsKey(p)))
            _problems.Enqueue(new CheckProblem(pack.Key, null, "no index segment names this pack: left by a run that was stopped, or by one that is under way (\"nodeagent repo repair index\" has the next backup use what is in it, \"nodeagent repo prune\" removes it)", IsDamage: false));
    }

    private async Task NoteKeptAsync(CancellationToken cancellationToken)
    {
        var kept = await QuarantinedPack.ListAsync(repository, cancellationToken);
        if (kept.Count > 0)
            _problems.Enqueue(new CheckProblem(QuarantinedPack.Prefix, null, $"repairs have kept {kept.Count} damaged {(kept.Count == 1 ? "pack" : "packs")} aside, {kept.Sum(e => e.Length)} bytes (\"nodeagent repo repair packs --discard-kept\" deletes them)", IsDamage: false));
    }

    private async Task ReadPacksAsync(CancellationToken cancellationToken)
    {
        _isReading = true;
        var chosen = ChoosePacks();
        var total = chosen.Sum(p => p.Length);
        long done = 0;
        using var reader = repository.CreateReader();
        await Parallel.ForEachAsync(chosen, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            if (repository.Time.GetUtcNow() >= options.Deadline)
            {
                Interlocked.Increment(ref _packsLeft);
                return;
            }

            var isSound = await ReadPackAsync(reader, pack.Pack, (int)Math.Min(pack.Length, MaxPackLength), token);
            if (isSound is false) _alteredPacks.TryAdd(pack.Pack, true);
            if (isSound is true) options.Verifications?.Note(pack.Pack, repository.Time.GetUtcNow());
            else if (isSound is false) options.Verifications?.Drop(pack.Pack);
            _readPacks.TryAdd(pack.Pack, true);
            var bytes = Interlocked.Add(ref _readBytes, pack.Length);
            progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), chosen.Count, bytes, total));
        });
        _isReading = false;
    }

    /// <summary>The packs to read, in that order: first those that were never read, then those that were read longest ago.</summary>
    private List<(PackId Pack, long Length)> ChoosePacks()
    {
        var (part, parts) = options.Subset;
        var now = repository.Time.GetUtcNow();
        var packs = new List<(PackId Pack, long Length, DateTimeOffset Verified)>();
        foreach (var (pack, length) in _packs)
        {
            if (_damagedPacks.ContainsKey(pack) || _mendablePacks.ContainsKey(pack) || _readPacks.ContainsKey(pack) || pack.Hash.Prefix % (ulong)parts != (ulong)(part - 1)) continue;
            // A time to come is of a clock that was wrong.
            var verified = options.Verifications?.TimeOf(pack) is { } time && time <= now ? time : DateTimeOffset.MinValue;
            if (verified > options.VerifiedSince) _recentPacks++;
            else packs.Add((pack, length, verified));
        }

        // A second walk goes on where the first one was.
        var budget = Math.Min(options.MaxBytes ?? long.MaxValue, options.Share < 1 ? (long)(packs.Sum(p => p.Length) * options.Share) : long.MaxValue) - _readBytes;
        var chosen = new List<(PackId, long)>();
        foreach (var (pack, length, _) in packs.OrderBy(p => p.Verified).ThenBy(p => p.Pack.Hash))
        {
            // One at least, however small the share: else it would never get round.
            if (budget <= 0 && chosen.Count + _readPacks.Count > 0) break;
            budget -= length;
            chosen.Add((pack, length));
        }

        return chosen;
    }

    /// <summary>Whether the pack is sound; null when it was removed meanwhile.</summary>
    private async ValueTask<bool?> ReadPackAsync(ChunkReader reader, PackId pack, int length, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        var isSound = true;
        try
        {
            await repository.Store.ReadAsync(pack.Key, 0, buffer.AsMemory(0, length), cancellationToken);
            var content = buffer.AsMemory(0, length);
            if (HashOf(content.Span) != pack.Hash)
            {
                if (await IsMendableAsync(pack, cancellationToken)) return false;
                isSound = false;
                Add(new CheckProblem(pack.Key, null, "the pack's content is not what its name says: it is damaged", IsDamage: true));
            }

            var offset = (long)ObjectHeader.Length;
            await repository.LearnGenerationAsync(content[..ObjectHeader.Length], cancellationToken);
            foreach (var chunk in PackReader.ReadFooter(repository, pack, content.Span))
            {
                isSound &= CheckChunk(reader, pack, chunk, offset, content.Span);
                offset += chunk.StoredLength;
            }

            return isSound;
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            _damagedPacks.TryAdd(pack, 0);
            repository.Index.SetStanding(pack, PackStanding.Lost);
            return null;
        }
        catch (RepositoryException exception)
        {
            if (exception is StoreException && await IsMendableAsync(pack, cancellationToken)) return false;
            // Without a footer the chunks are still found by the index; they are read one by one when a snapshot uses them.
            Damage(pack.Key, exception, "");
            _damagedPacks.TryAdd(pack, length);
            _unreadablePacks.TryAdd(pack, length);
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Whether a damaged pack has parity that makes up for the damage, which is then told: readers lose nothing by it, until more is damaged.</summary>
    private async ValueTask<bool> IsMendableAsync(PackId pack, CancellationToken cancellationToken)
    {
        var verdict = await new ParityRepair(repository).ExamineAsync(pack.Key, cancellationToken);
        if (verdict.State == ParityState.Mendable)
        {
            Add(new CheckProblem(pack.Key, null, $"the pack is damaged in {verdict.DamagedBlocks} of its {verdict.Blocks} blocks, and its parity has what they were: nothing is lost so far", IsDamage: true));
            return true;
        }

        if (verdict.State == ParityState.BeyondMending) Add(new CheckProblem(pack.Key, null, $"its parity cannot mend it: {verdict.Why}", IsDamage: false));
        return false;
    }

    private bool CheckChunk(ChunkReader reader, PackId pack, in PackedChunk chunk, long offset, ReadOnlySpan<byte> content)
    {
        var plain = ArrayPool<byte>.Shared.Rent(chunk.PlainLength);
        try
        {
            repository.Keyring.Add(chunk.Session);
            var location = new ChunkLocation(pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind);
            reader.Open(chunk.Id, chunk.Kind, location, content.Slice((int)offset, chunk.StoredLength), plain.AsSpan(0, chunk.PlainLength));
            if (!repository.Index.NeedsBase && !repository.Index.TryFind(chunk.Id, out _))
            {
                Remedy(RepairStep.Index);
                Add(new CheckProblem(pack.Key, offset, $"the index does not name {chunk.Kind} chunk {chunk.Id} of this pack", IsDamage: true));
            }

            return true;
        }
        catch (RepositoryException exception)
        {
            _unreadableChunks.TryAdd((chunk.Id, pack), true);
            Damage(pack.Key, exception, "");
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private async Task CheckTreesAsync(List<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var walk = new TreeWalk(tree);
        long done = 0;
        var verified = new HashSet<ChunkId>();
        var unnamed = new HashSet<PackId>();
        var roots = new List<(Snapshot Snapshot, TreeEntry Root)>();
        foreach (var snapshot in snapshots)
        {
            try
            {
                roots.Add((snapshot, snapshot.Manifest.ReadRoot()));
            }
            catch (RepositoryException exception)
            {
                _problems.Enqueue(new CheckProblem($"snapshot {snapshot.Id}", null, exception.Message, IsDamage: true));
            }
        }

        foreach (var (_, root) in roots)
        {
            await foreach (var reference in walk.ReferencesAsync(root, Unreadable, cancellationToken)) await CheckAsync(reference);
            progress?.Report(new CheckProgress("snapshots", ++done, snapshots.Count, _readBytes, _readBytes));
        }

        ReportMissingPacks();
        if (_lostChunks.IsEmpty) return;
        var lost = _lostChunks.Keys.ToHashSet();
        var affected = new TreeWalk(tree);
        foreach (var (snapshot, root) in roots)
        {
            var files = new List<string>();
            long count = 0;
            ReadOnlyMemory<byte> last = default;
            await foreach (var path in affected.AffectedPathsAsync(root, lost, cancellationToken))
            {
                // Each comes once for every chunk of it that is lost.
                if (count > 0 && path.Path.Span.SequenceEqual(last.Span)) continue;
                last = path.Path;
                if (++count <= options.MaxFiles) files.Add(Printable(path.Path.Span) + (path.IsDirectory ? "/" : ""));
            }

            if (count > 0) Remedy(RepairStep.Snapshots);

            if (count > 0)
                _problems.Enqueue(new CheckProblem($"snapshot {snapshot.Id}", null, $"{count} {(count == 1 ? "file or directory" : "files or directories")} of {snapshot.Manifest.Source.Display} cannot be restored whole", IsDamage: true) { Files = files, FileCount = count });
        }

        void Unreadable(ChunkReference reference, RepositoryException exception)
        {
            // Removed while it was read: another look will tell where it is now.
            _isIncomplete |= exception is StoreException { Failure: StoreFailure.NotFound } or ChunkNotFoundException;
            if (_lostChunks.TryAdd(reference.Id, "")) Damage($"{reference.Kind} chunk {reference.Id}", exception, "");
        }

        async ValueTask CheckAsync(ChunkReference reference)
        {
            try
            {
                await LookForAsync(reference);
            }
            catch (IndexCacheDamagedException)
            {
                // This machine's copy of the index, not the repository: it is made again.
                await repository.RefreshIndexAsync(cancellationToken);
                await LookForAsync(reference);
            }
        }

        async ValueTask LookForAsync(ChunkReference reference)
        {
            if (!repository.Index.TryFind(reference.Id, out var location))
            {
                await repository.SearchUnnamedPacksAsync(cancellationToken);
                repository.Index.TryFind(reference.Id, out location);
            }

            // A segment that is gone leaves no trace but this.
            if (location.StoredLength > 0 && !_packs.ContainsKey(location.Pack) && repository.Index.StandingOf(location.Pack) == PackStanding.Unnamed && unnamed.Add(location.Pack))
            {
                Remedy(RepairStep.Index);
                _problems.Enqueue(new CheckProblem(location.Pack.Key, null, "snapshots use chunks of this pack, and no index segment names it", IsDamage: true));
            }

            if (location.StoredLength == 0)
            {
                _isIncomplete = true;
                if (_lostChunks.TryAdd(reference.Id, ""))
                    _problems.Enqueue(new CheckProblem($"{reference.Kind} chunk {reference.Id}", null, $"snapshot trees use it and no pack that is there holds it: it is lost", IsDamage: true));
                return;
            }

            var finding = Judge(reference, location);
            if (finding == Finding.Sound) return;
            // What is bad in one place may be sound in another.
            var places = repository.Index.FindAll(reference.Id);
            var isDoubtful = finding == Finding.Doubtful;
            foreach (var place in places)
            {
                var other = Judge(reference, place.Location);
                if (other == Finding.Sound) return;
                isDoubtful |= other == Finding.Doubtful;
            }

            if (isDoubtful)
            {
                if (verified.Add(reference.Id)) await VerifyAsync(reader, reference, location, cancellationToken);
                return;
            }

            if (finding == Finding.Missing)
            {
                _isIncomplete = true;
                _neededPacks.Add(location.Pack);
            }

            var isFirst = _lostChunks.TryAdd(reference.Id, location.Pack.Key);
            if (finding == Finding.Other && isFirst)
                _problems.Enqueue(new CheckProblem(location.Pack.Key, location.Offset, $"{reference.Kind} chunk {reference.Id} has {location.PlainLength} bytes, a tree says {reference.Length}", IsDamage: true));
        }
    }

    private Finding Judge(in ChunkReference reference, in ChunkLocation location)
    {
        if (_damagedPacks.TryGetValue(location.Pack, out var length) && location.Offset + location.StoredLength > length) return length == 0 ? Finding.Missing : Finding.CutOff;
        if (location.Kind != reference.Kind || (reference.IsExact ? location.PlainLength != reference.Length : location.PlainLength < reference.Length)) return Finding.Other;
        if (!_unreadableChunks.IsEmpty && _unreadableChunks.ContainsKey((reference.Id, location.Pack))) return Finding.Altered;
        return options.ReadData && (_damagedPacks.ContainsKey(location.Pack) || !_packs.ContainsKey(location.Pack)) ? Finding.Doubtful : Finding.Sound;
    }

    private void ReportMissingPacks()
    {
        var unneeded = 0;
        foreach (var (pack, _) in _damagedPacks.Where(p => p.Value == 0))
        {
            if (_neededPacks.Contains(pack)) Remedy(RepairStep.Packs);
            if (_neededPacks.Contains(pack)) _problems.Enqueue(new CheckProblem(pack.Key, null, "the pack is missing: the chunks in it are lost unless the object is brought back", IsDamage: true));
            else if (_packs.TryRemove(pack, out _)) unneeded++;
        }

        // A collection leaves replaced segments for a while, so there can be thousands.
        if (unneeded > 0)
            _problems.Enqueue(new CheckProblem(
                IndexSegment.Prefix, null, $"the index names {unneeded} {(unneeded == 1 ? "pack that is" : "packs that are")} not there and that no snapshot needs: a collection has removed {(unneeded == 1 ? "it" : "them")}, or is about to tidy the index", IsDamage: false));
    }

    private void DamagedSnapshot(RepositoryException exception)
    {
        var isMark = exception is RepositoryFormatException format && format.ObjectKey.StartsWith("forget/", StringComparison.Ordinal);
        if (!isMark) Remedy(RepairStep.Snapshots);
        Damage(
            "snap/", exception,
            isMark ? "the mark does not count, so its snapshot shows again: forget it again, and delete this object" : "that snapshot cannot be restored unless the object is brought back");
    }

    /// <summary>What is known of one place of a chunk.</summary>
    private enum Finding
    {
        Sound,
        Doubtful,
        Missing,
        CutOff,
        Altered,
        Other,
    }

    /// <summary>Reads a chunk of a pack that could not be read as a whole: much of it may be sound.</summary>
    private async ValueTask VerifyAsync(ChunkReader reader, ChunkReference reference, ChunkLocation location, CancellationToken cancellationToken)
    {
        var plain = ArrayPool<byte>.Shared.Rent(location.PlainLength);
        try
        {
            await reader.ReadAsync(reference.Id, reference.Kind, plain.AsMemory(0, location.PlainLength), cancellationToken);
        }
        catch (RepositoryException exception)
        {
            if (_lostChunks.TryAdd(reference.Id, location.Pack.Key)) Damage(location.Pack.Key, exception, "");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private void Remedy(RepairStep step) => (_isReading ? _readRemedies : _remedies).TryAdd(step, true);

    private void Add(CheckProblem problem) => (_isReading ? _readProblems : _problems).Enqueue(problem);

    private void Damage(string key, RepositoryException exception, string hint)
    {
        // A store that cannot be reached is no damage: whoever took it for one would repair what is sound.
        if (exception is StoreException { Failure: StoreFailure.Transient }) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(exception);
        var format = exception as RepositoryFormatException;
        var why = (format?.Why ?? exception.Message).Replace(ChunkReader.Advice, "", StringComparison.Ordinal);
        Add(new CheckProblem(format?.ObjectKey ?? key, format?.Offset, why + (hint.Length > 0 ? $"; {hint}" : ""), IsDamage: true));
    }

    private static string Printable(ReadOnlySpan<byte> path) =>
        string.Concat(System.Text.Encoding.UTF8.GetString(path).Select(c => char.IsControl(c) ? '?' : c));

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }
}
