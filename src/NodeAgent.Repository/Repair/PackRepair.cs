using System.Globalization;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// Takes damaged packs out of use and saves what is sound in them:
/// 1. the damaged packs are found; those that have parity that makes up for the damage are mended, byte by byte;
/// 2. what the index says of them is read, and where a footer is damaged too, the snapshots are gone through for the whole ids of chunks;
/// 3. every chunk that is sound goes into a new pack; one that is not is looked for in other packs;
/// 4. the new packs are named by the index, the damaged ones condemned and left out of it: what is lost no longer counts as there, and the next backup that
///    has it stores it again;
/// 5. bytes that could not be saved are kept below <c>damaged/</c>, then the packs' objects are deleted.
/// Beside anything, and stopped at any moment, it loses nothing that is sound: see <see cref="RepairSession"/>.
/// </summary>
public sealed class PackRepair(ChunkRepository repository, PackRepairOptions options, IProgress<CheckProgress>? progress)
{
    private const int MaxPackLength = 512 << 20;

    private readonly Dictionary<PackId, PackContents> _contents = [];
    private readonly Dictionary<ChunkPrefix, ChunkId> _wholeIds = [];
    private readonly HashSet<PackId> _bad = [];

    /// <summary>Runs it.</summary>
    /// <exception cref="RepositoryException">The store failed, the index is damaged, or so much is missing that it looks like a mistake.</exception>
    public async Task<PackRepairReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        // 1. the damaged packs
        await repository.RefreshIndexAsync(cancellationToken);
        var (looked, damaged) = await FindDamagedAsync(cancellationToken);
        var mended = await MendAsync(damaged, cancellationToken);
        if (damaged.Count == 0) return new PackRepairReport(looked, [], 0) { Mended = mended };
        _bad.UnionWith(damaged.Select(d => d.Pack));

        // 2. what is known of them
        var survey = await SegmentSurvey.ReadAsync(
            repository,
            pack =>
            {
                if (_bad.Contains(pack.Pack)) _contents[pack.Pack] = pack;
            },
            cancellationToken);
        if (survey.Damaged.Concat(survey.Foreign.Select(f => f.ObjectKey)).FirstOrDefault() is { } segment)
            throw new RepositoryException($"index segment {segment} cannot be read, and what is in damaged packs may be known to it alone; run \"nodeagent repo repair index\" first");
        // One that is named no more was collected since the index was read.
        var named = survey.Current.SelectMany(s => s.Packs).ToHashSet();
        _bad.ExceptWith(damaged.Where(d => d.Length is null && !named.Contains(d.Pack)).Select(d => d.Pack));
        damaged.RemoveAll(d => !_bad.Contains(d.Pack));
        MassRemoval.Require(damaged.Count(d => d.Length is null), named.Count, options.AllowMassRemoval);
        await FindWholeIdsAsync(damaged, cancellationToken);

        // 3. what is sound in them
        await using var session = options.DryRun ? null : await RepairSession.BeginAsync(repository, options.Origin, cancellationToken);
        using var reader = repository.CreateReader();
        var repaired = new List<RepairedPack>();
        long done = 0;
        foreach (var pack in damaged)
        {
            repaired.Add(await SaveAsync(pack, reader, session, cancellationToken));
            progress?.Report(new CheckProgress("damaged packs", ++done, damaged.Count, 0, 0));
        }

        if (session is null) return new PackRepairReport(looked, repaired, 0) { Mended = mended };

        // 4. the index
        await session.FlushAsync(cancellationToken);
        await session.CondemnAsync(_bad, cancellationToken);
        await session.LeaveOutAsync(_bad, cancellationToken);

        // 5. their objects
        for (var i = 0; i < repaired.Count; i++)
        {
            if (repaired[i].Lost + repaired[i].Unknown > 0 && damaged[i].Length is > 0) repaired[i] = repaired[i] with { KeptAs = await KeepAsync(damaged[i], cancellationToken) };
        }

        await session.DeleteAsync(damaged.Where(d => d.Length is not null).Select(d => d.Pack.Key), cancellationToken);
        await session.SweptAsync(cancellationToken);
        return new PackRepairReport(looked, repaired, session.WrittenBytes) { Mended = mended };
    }

    /// <summary>Packs that their parity makes whole again are no longer damaged, and nothing else needs to be done about them.</summary>
    private async Task<List<PackId>> MendAsync(List<DamagedPack> damaged, CancellationToken cancellationToken)
    {
        var parity = new ParityRepair(repository);
        var mended = new List<PackId>();
        foreach (var pack in damaged.Select(d => d.Pack))
        {
            var verdict = options.DryRun ? await parity.ExamineAsync(pack.Key, cancellationToken) : await parity.TryMendAsync(pack, cancellationToken);
            if (verdict.State is not (ParityState.Mended or ParityState.Mendable)) continue;
            mended.Add(pack);
            if (repository.Index.StandingOf(pack) == PackStanding.Lost) repository.Index.SetStanding(pack, PackStanding.Named);
        }

        damaged.RemoveAll(d => mended.Contains(d.Pack));
        return mended;
    }

    private async Task<(int Looked, List<DamagedPack> Damaged)> FindDamagedAsync(CancellationToken cancellationToken)
    {
        var there = await repository.ListPacksAsync(cancellationToken);
        var known = repository.Index.EnumeratePacks().Where(p => p.Standing != PackStanding.Unnamed).ToDictionary(p => p.Pack, p => p.Size);
        var wanted = options.Packs ?? [.. known.Keys];
        var damaged = new List<DamagedPack>();
        var toRead = new List<(PackId Pack, long Length)>();
        foreach (var pack in wanted.Distinct())
        {
            if (!there.TryGetValue(pack, out var length))
            {
                // Written since the list was made, removed by a collection whose new index is not known here yet, or gone.
                if (await repository.Store.StatAsync(pack.Key, cancellationToken) is { } entry) length = entry.Length;
                else if (!known.ContainsKey(pack)) throw new RepositoryException($"{pack}: the repository has no pack of that name, and the index names none (\"nodeagent repo check --read-data\" names the damaged ones)");
                else
                {
                    damaged.Add(new DamagedPack(pack, null, "it is missing"));
                    continue;
                }
            }

            if (known.TryGetValue(pack, out var size) && size != length)
                damaged.Add(new DamagedPack(pack, length, string.Create(CultureInfo.InvariantCulture, $"it has {length} bytes instead of {size}")));
            else if (options.ReadData || options.Packs is not null) toRead.Add((pack, length));
        }

        long done = 0;
        long bytes = 0;
        var total = toRead.Sum(p => p.Length);
        await Parallel.ForEachAsync(toRead, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            var why = await FindDamageAsync(pack.Pack, token);
            if (why is not null)
            {
                lock (damaged) damaged.Add(new DamagedPack(pack.Pack, pack.Length, why));
            }

            progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), toRead.Count, Interlocked.Add(ref bytes, pack.Length), total));
        });
        return (wanted.Count, [.. damaged.OrderBy(d => d.Pack.Key, StringComparer.Ordinal)]);
    }

    /// <summary>Why a pack's bytes are not those that it was written with; null when they are.</summary>
    private async Task<string?> FindDamageAsync(PackId pack, CancellationToken cancellationToken)
    {
        try
        {
            var content = await repository.Store.ReadAllAsync(pack.Key, MaxPackLength, cancellationToken);
            return HashOf(content) == pack.Hash ? null : "its content is not what its name says";
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return null; // collected meanwhile
        }
    }

    /// <summary>The index knows chunks by 20 bytes of their ids, and a chunk opens by its whole id only: the footer has these, and so has what uses the chunk.</summary>
    private async Task FindWholeIdsAsync(List<DamagedPack> damaged, CancellationToken cancellationToken)
    {
        var open = new HashSet<ChunkPrefix>();
        foreach (var pack in damaged)
        {
            var footer = pack.Length is { } length ? await TryReadFooterAsync(pack.Pack, length, cancellationToken) : null;
            if (footer is not null && (!_contents.TryGetValue(pack.Pack, out var named) || named.Chunks.Count == footer.Chunks.Count))
            {
                _contents[pack.Pack] = footer;
                foreach (var chunk in footer.Chunks) _wholeIds[ChunkPrefix.Of(chunk.Id)] = chunk.Id;
            }
            else if (_contents.TryGetValue(pack.Pack, out named))
            {
                foreach (var chunk in named.Chunks) open.Add(ChunkPrefix.Of(chunk.Id));
            }
        }

        open.ExceptWith(_wholeIds.Keys);
        if (open.Count == 0) return;
        using var reader = repository.CreateReader();
        var walk = new TreeWalk(new TreeReader(reader.Source, repository.Config.Parameters.Trees));
        long done = 0;
        var catalog = new SnapshotCatalog(repository);
        var snapshots = await catalog.ListAsync(static _ => { }, cancellationToken);
        snapshots.AddRange((await catalog.ListForgottenAsync(static _ => { }, cancellationToken)).Select(f => f.Snapshot).OfType<Snapshot>());
        foreach (var snapshot in snapshots)
        {
            await foreach (var reference in walk.ReferencesAsync(snapshot.Manifest.ReadRoot(), static (_, _) => { }, cancellationToken))
            {
                var prefix = ChunkPrefix.Of(reference.Id);
                if (open.Contains(prefix)) _wholeIds[prefix] = reference.Id;
            }

            progress?.Report(new CheckProgress("snapshots", ++done, snapshots.Count, 0, 0));
        }
    }

    private async Task<PackContents?> TryReadFooterAsync(PackId pack, long length, CancellationToken cancellationToken)
    {
        try
        {
            return await PackReader.ReadContentsAsync(repository, pack, length, cancellationToken);
        }
        catch (RepositoryException exception) when (exception is RepositoryFormatException or StoreException { Failure: StoreFailure.NotFound or StoreFailure.Other })
        {
            return null;
        }
    }

    private async Task<RepairedPack> SaveAsync(DamagedPack damaged, ChunkReader reader, RepairSession? session, CancellationToken cancellationToken)
    {
        if (!_contents.TryGetValue(damaged.Pack, out var contents)) return new RepairedPack(damaged.Pack, damaged.Why, 0, 0, 0, 0, damaged.Length is null ? 0 : 1);
        var bytes = await ReadWhatIsLeftAsync(damaged, cancellationToken);
        var plain = new byte[contents.Chunks.Count == 0 ? 0 : contents.Chunks.Max(c => c.PlainLength)];
        var (saved, elsewhere, lost, unknown) = (0, 0, 0, 0);
        long offset = ObjectHeader.Length;
        foreach (var chunk in contents.Chunks)
        {
            var at = offset;
            offset += chunk.StoredLength;
            repository.Keyring.Add(chunk.Session);
            if (!_wholeIds.TryGetValue(ChunkPrefix.Of(chunk.Id), out var id))
            {
                // With the pack gone as a whole there is nothing left to keep.
                if (bytes.Length > at) unknown++;
                else lost++;
                continue;
            }

            var whole = chunk with { Id = id };
            if (offset <= bytes.Length && IsSound(reader, damaged.Pack, whole, at, bytes.Span, plain))
            {
                saved++;
                if (session is not null) await session.AddAsync(whole, bytes.Slice((int)at, chunk.StoredLength), cancellationToken);
            }
            else if (await TryReadElsewhereAsync(reader, whole, plain, cancellationToken) is { } standing)
            {
                elsewhere++;
                // What is about to be collected, or only its own pack tells of, is no place to rely on.
                if (standing != PackStanding.Named && session is not null) await session.AddPlainAsync(id, chunk.Kind, plain.AsMemory(0, chunk.PlainLength), cancellationToken);
            }
            else
            {
                lost++;
            }
        }

        return new RepairedPack(damaged.Pack, damaged.Why, contents.Chunks.Count, saved, elsewhere, lost, unknown);
    }

    /// <summary>The bytes of a damaged pack, as far as there are any. Where a pack has bytes to mend it by, this is the place to do so.</summary>
    private async Task<ReadOnlyMemory<byte>> ReadWhatIsLeftAsync(DamagedPack damaged, CancellationToken cancellationToken)
    {
        if (damaged.Length is null) return default;
        try
        {
            return await repository.Store.ReadAllAsync(damaged.Pack.Key, MaxPackLength, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return default;
        }
    }

    private static bool IsSound(ChunkReader reader, PackId pack, in PackedChunk chunk, long offset, ReadOnlySpan<byte> bytes, byte[] plain)
    {
        try
        {
            var location = new ChunkLocation(pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind);
            reader.Verify(chunk.Id, chunk.Kind, location, bytes.Slice((int)offset, chunk.StoredLength), plain.AsSpan(0, chunk.PlainLength));
            return true;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
    }

    /// <summary>How far the pack can be relied on in which a chunk is found sound; null when there is none.</summary>
    private async Task<PackStanding?> TryReadElsewhereAsync(ChunkReader reader, PackedChunk chunk, byte[] plain, CancellationToken cancellationToken)
    {
        foreach (var (location, _, standing) in repository.Index.FindAll(chunk.Id).OrderBy(l => l.Standing))
        {
            if (_bad.Contains(location.Pack) || location.PlainLength != chunk.PlainLength) continue;
            try
            {
                var envelope = new byte[location.StoredLength];
                await repository.Store.ReadAsync(location.Pack.Key, location.Offset, envelope, cancellationToken);
                reader.Open(chunk.Id, chunk.Kind, location, envelope, plain.AsSpan(0, chunk.PlainLength));
                return standing;
            }
            catch (RepositoryException exception) when (exception is RepositoryFormatException or StoreException { Failure: StoreFailure.NotFound or StoreFailure.Other })
            {
                // The next one.
            }
        }

        return null;
    }

    private async Task<string?> KeepAsync(DamagedPack damaged, CancellationToken cancellationToken)
    {
        var bytes = await ReadWhatIsLeftAsync(damaged, cancellationToken);
        if (bytes.IsEmpty) return null;
        var key = QuarantinedPack.KeyOf(damaged.Pack);
        await repository.Store.PutAsync(key, bytes, cancellationToken);
        return key;
    }

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    /// <param name="Pack">The pack.</param>
    /// <param name="Length">Bytes that are there; null when there is no object.</param>
    /// <param name="Why">What is wrong.</param>
    private sealed record DamagedPack(PackId Pack, long? Length, string Why);
}
