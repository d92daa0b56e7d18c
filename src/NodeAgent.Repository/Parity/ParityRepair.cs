using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Parity;

/// <summary>Puts damaged objects together from what is left of them and their parity. Thread-safe.</summary>
public sealed class ParityRepair
{
    /// <summary>Where a mended object waits while the damaged one makes room for it.</summary>
    internal const string MendedPrefix = "parity-mended/";

    private const int ReadPiece = 1 << 20;

    private readonly ChunkRepository _repository;

    /// <summary>The store without the parity on top: a replaced object keeps its parity.</summary>
    private readonly IObjectStore _store;

    /// <param name="repository">Whose objects are mended.</param>
    public ParityRepair(ChunkRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        _repository = repository;
        _store = repository.Store is ParityStore parity ? parity.Inner : repository.Store;
    }

    /// <summary>Whether there can be parity at all: elsewhere it is not looked for.</summary>
    private bool IsPossible => _store.HasExclusiveFences;

    /// <summary>What parity can do for an object. Changes nothing.</summary>
    /// <exception cref="StoreException">The store failed, other than by damage.</exception>
    public async Task<ParityVerdict> ExamineAsync(string key, CancellationToken cancellationToken) => (await ReconstructAsync(key, cancellationToken)).Verdict;

    /// <summary>As <see cref="TryMendAsync(string, CancellationToken)"/>, for a pack.</summary>
    public Task<ParityVerdict> TryMendAsync(PackId pack, CancellationToken cancellationToken) => TryMendAsync(pack.Key, cancellationToken);

    /// <summary>Replaces an object that is damaged by what it was, byte by byte, when its parity has that. Stopped at any moment, nothing is lost by it.</summary>
    /// <exception cref="StoreException">The store failed, other than by damage.</exception>
    public async Task<ParityVerdict> TryMendAsync(string key, CancellationToken cancellationToken)
    {
        var (verdict, content) = await ReconstructAsync(key, cancellationToken);
        if (verdict.State != ParityState.Mendable) return verdict;
        // What is mended is safe in another place before the damaged object goes: should this stop in between, the next attempt finds it there.
        await _store.PutAsync(MendedPrefix + key, content, cancellationToken);
        await _store.DeleteAsync(key, cancellationToken);
        await _store.PutAsync(key, content, cancellationToken);
        if (ObjectHash.Of(await _store.ReadAllAsync(key, ParityLayout.MaxLength, cancellationToken)) != ObjectHash.In(key))
            return verdict with { State = ParityState.BeyondMending, Why = "it was mended, and reads damaged again: the disk is failing" };
        await _store.DeleteAsync(MendedPrefix + key, cancellationToken);
        return verdict with { State = ParityState.Mended };
    }

    /// <summary>Mends the index segments that are damaged and have parity.</summary>
    /// <param name="dryRun">Only says what would be mended.</param>
    /// <param name="cancellationToken">Stops it between two objects.</param>
    /// <returns>The objects that were mended, or would be.</returns>
    /// <exception cref="StoreException">The store failed, other than by damage.</exception>
    public Task<IReadOnlyList<string>> MendIndexAsync(bool dryRun, CancellationToken cancellationToken) => MendAllAsync(IndexSegment.Prefix, dryRun, cancellationToken);

    /// <summary>As <see cref="MendIndexAsync"/>, for the objects of snapshots.</summary>
    public Task<IReadOnlyList<string>> MendSnapshotsAsync(bool dryRun, CancellationToken cancellationToken) => MendAllAsync(SnapshotCatalog.Prefix, dryRun, cancellationToken);

    private async Task<IReadOnlyList<string>> MendAllAsync(string prefix, bool dryRun, CancellationToken cancellationToken)
    {
        var mended = new List<string>();
        if (!IsPossible) return mended;
        var keys = new List<string>();
        await foreach (var entry in _store.ListAsync(ParityStore.KeyOf(prefix), cancellationToken)) keys.Add(entry.Key[ParityStore.Prefix.Length..]);
        foreach (var key in keys)
        {
            // Deleted meanwhile, and its parity about to follow: parity alone brings nothing back that somebody has removed.
            if (await _store.StatAsync(key, cancellationToken) is null) continue;
            var verdict = dryRun ? await ExamineAsync(key, cancellationToken) : await TryMendAsync(key, cancellationToken);
            if (verdict.State is ParityState.Mended or ParityState.Mendable) mended.Add(key);
        }

        return mended;
    }

    /// <summary>What an object was, by its parity; null when that cannot be had.</summary>
    internal async Task<byte[]?> TryReconstructAsync(string key, CancellationToken cancellationToken)
    {
        var (verdict, content) = await ReconstructAsync(key, cancellationToken);
        return verdict.State is ParityState.Sound or ParityState.Mendable ? content : null;
    }

    private async Task<(ParityVerdict Verdict, byte[] Content)> ReconstructAsync(string key, CancellationToken cancellationToken)
    {
        if (!IsPossible || !ParityStore.IsProtected(key)) return (new ParityVerdict(ParityState.NoParity, 0, 0, "it has no parity"), []);
        var remains = await ReadRemainsAsync(key, cancellationToken);
        if (remains is not null && ObjectHash.Of(remains) == ObjectHash.In(key)) return (new ParityVerdict(ParityState.Sound, 0, 0, ""), remains);
        if (await ReadRemainsAsync(MendedPrefix + key, cancellationToken) is { } mended && ObjectHash.Of(mended) == ObjectHash.In(key)) return (new ParityVerdict(ParityState.Mendable, 0, 0, ""), mended);
        var parityKey = ParityStore.KeyOf(key);
        if (await ReadRemainsAsync(parityKey, cancellationToken) is not { } parity) return (new ParityVerdict(ParityState.NoParity, 0, 0, "it has no parity"), []);
        try
        {
            var decoded = ParityObject.Decode(parity, _repository.RepositoryId, parityKey);
            // The name is what counts: parity of another object helps nobody.
            if (decoded.Hash != ObjectHash.In(key)) return (new ParityVerdict(ParityState.BeyondMending, 0, 0, "its parity is that of another object"), []);
            var content = decoded.TryMend(remains ?? [], out var damaged, out var why);
            return content is null
                ? (new ParityVerdict(ParityState.BeyondMending, damaged, decoded.Layout.Blocks, why), [])
                : (new ParityVerdict(ParityState.Mendable, damaged, decoded.Layout.Blocks, ""), content);
        }
        catch (RepositoryFormatException exception)
        {
            return (new ParityVerdict(ParityState.BeyondMending, 0, 0, exception.Message), []);
        }
    }

    /// <summary>What can be read of an object, zeros where nothing can: a disk fails in sectors. Null when it is not there.</summary>
    private async Task<byte[]?> ReadRemainsAsync(string key, CancellationToken cancellationToken)
    {
        if (await _store.StatAsync(key, cancellationToken) is not { } entry) return null;
        var content = new byte[Math.Min(entry.Length, 2L * ParityLayout.MaxLength)];
        for (var at = 0; at < content.Length; at += ReadPiece)
        {
            var piece = content.AsMemory(at, Math.Min(ReadPiece, content.Length - at));
            if (await TryReadAsync(at, piece)) continue;
            for (var i = 0; i < piece.Length; i += ParityLayout.MaxBlockLength) await TryReadAsync(at + i, piece.Slice(i, Math.Min(ParityLayout.MaxBlockLength, piece.Length - i)));
        }

        return content;

        async ValueTask<bool> TryReadAsync(long offset, Memory<byte> piece)
        {
            try
            {
                await _store.ReadAsync(key, offset, piece, cancellationToken);
                return true;
            }
            catch (StoreException exception) when (exception.Failure is StoreFailure.Other or StoreFailure.NotFound)
            {
                return false;
            }
        }
    }
}
