using System.Buffers;
using System.Security.Cryptography;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Keys;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository;

/// <summary>
/// An open repository: its parameters, its keys and its index. Any number of processes may have it open and write to it
/// at once; none needs a lock, since nothing is ever overwritten. Thread-safe.
/// </summary>
public sealed class ChunkRepository : IAsyncDisposable
{
    /// <summary>The longest chunk that any repository may hold.</summary>
    public const int MaxChunkLength = 16 << 20;

    private readonly IndexCache _cache;
    private readonly HeldKeys _keys;
    private readonly IndexRefresh _refresh;
    private readonly InstancePool<Blake3Hasher>[] _hashers;
    private readonly int _cacheBytes;
    private readonly int _censusKeys;

    private ChunkRepository(IObjectStore store, RepositoryConfig config, RootKeys keys, RepositorySecret secret, string keyId, RepositoryOpenOptions options)
    {
        Store = store;
        Config = config;
        Time = options.Time;
        RepositoryId = config.RepositoryId;
        _keys = new HeldKeys(store, config, keys, secret, keyId);
        _cacheBytes = options.ReadCacheBytes;
        _censusKeys = (int)Math.Min(options.IndexCacheLimits.Most, int.MaxValue);
        Gear = GearTable.Derive(keys.ChunkerKey);
        Objects = new SmallObjects(this);
        Index = new ChunkIndex(session => Keyring.Add(session));
        Parity = new ParityReader(this, options.OnReadByParity);
        _cache = new IndexCache(options.IndexCacheDirectory, keys, RepositoryId, options.Time);
        _refresh = new IndexRefresh(this, new IndexLoader(this, _cache, options));
        // Indexed by ChunkKind - 1.
        _hashers =
        [
            new(() => Blake3Hasher.CreateKeyed(keys.DataChunkIdKey)),
            new(() => Blake3Hasher.CreateKeyed(keys.TreeChunkIdKey)),
            new(() => Blake3Hasher.CreateKeyed(keys.ListChunkIdKey)),
        ];
    }

    /// <summary>Where it is. Disposed with the repository.</summary>
    public IObjectStore Store { get; }

    /// <summary>Its identity and parameters.</summary>
    public RepositoryConfig Config { get; }

    /// <summary>The chunker's secret table.</summary>
    public GearTable Gear { get; }

    /// <summary>Index segments that could not be read, each with the reason. What only they name is found by reading packs' footers.</summary>
    public IReadOnlyCollection<RepositoryFormatException> DamagedSegments => _refresh.Damaged;

    /// <summary>
    /// Whether damage made it look for chunks where the index does not lead. That is done once: one that is opened anew looks again, and finds what was mended since.
    /// </summary>
    public bool HasMetDamage => HasSearchedUnnamedPacks || _refresh.Damaged.Count > 0;

    /// <summary>Whether packs that no segment names were looked through already.</summary>
    internal bool HasSearchedUnnamedPacks => _refresh.HasSearchedUnnamedPacks;

    internal byte[] RepositoryId { get; }

    /// <summary>All root keys that are known now.</summary>
    internal RootKeys RootKeys => _keys.RootKeys;

    /// <summary>What the repository is opened with.</summary>
    internal RepositorySecret Secret => _keys.Secret;

    /// <summary>The key object that was opened.</summary>
    internal string KeyId => _keys.KeyId;

    internal TimeProvider Time { get; }

    internal SessionKeyring Keyring => _keys.Keyring;

    internal ChunkIndex Index { get; }

    /// <summary>All that is no pack.</summary>
    internal SmallObjects Objects { get; }

    /// <summary>Damaged packs as they were.</summary>
    internal ParityReader Parity { get; }

    /// <summary>Makes a repository and opens it. The config is written last: only then the repository exists.</summary>
    /// <exception cref="RepositoryExistsException">There is one already.</exception>
    /// <exception cref="StoreException">Something could not be written.</exception>
    public static async Task<ChunkRepository> InitializeAsync(IObjectStore store, RepositorySecret secret, RepositoryParameters parameters, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(time);
        if (parameters.Validate() is { Count: > 0 } errors) throw new ArgumentException(string.Join("; ", errors), nameof(parameters));
        await RequireEmptyAsync(store, cancellationToken);
        var keys = RootKeys.Create();
        try
        {
            var config = new RepositoryConfig { Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(EnvelopeCipher.RepositoryIdLength)), Created = time.GetUtcNow(), Parameters = parameters };
            // 1. the key object: without a config it is nobody's, and its repository id is in no other object
            var (key, content) = KeyObject.Encode(config.RepositoryId, keys, secret, "initial", time.GetUtcNow());
            await store.PutAsync(key, content, cancellationToken);
            // 2. the config; of two that race here, one wins and the other's key stays behind, unused
            if (await store.PutAsync(RepositoryConfig.Key, config.Encode(keys), cancellationToken) == PutOutcome.AlreadyExists)
                throw new RepositoryExistsException(store.Location);
            var made = new ChunkRepository(store, config, keys, secret, key[KeyObject.Prefix.Length..], new RepositoryOpenOptions { Time = time });
            made._refresh.StartEmpty();
            return made;
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    /// <summary>Opens a repository. The index is loaded when it is first needed.</summary>
    /// <exception cref="RepositoryNotFoundException">There is none.</exception>
    /// <exception cref="WrongKeyException">The secret opens none of its keys.</exception>
    /// <exception cref="RepositoryFormatException">The config is damaged or of a newer version.</exception>
    public static async Task<ChunkRepository> OpenAsync(IObjectStore store, RepositorySecret secret, RepositoryOpenOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(options);
        var (config, keys, keyId) = await UnlockAsync(store, secret, cancellationToken);
        if (store is DirectoryStore directory) directory.RemoveStaleTemporaryFiles(options.Time);
        try
        {
            return new ChunkRepository(await WithParityAsync(store, config, keys, cancellationToken), config, keys, secret, keyId, options);
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    /// <summary>Reads the config and the root keys. The caller disposes the keys.</summary>
    /// <inheritdoc cref="OpenAsync"/>
    internal static async Task<(RepositoryConfig Config, RootKeys Keys, string KeyId)> UnlockAsync(IObjectStore store, RepositorySecret secret, CancellationToken cancellationToken)
    {
        byte[] content;
        try
        {
            content = await store.ReadAllAsync(RepositoryConfig.Key, RepositoryConfig.MaxLength, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            throw await FindRemainsAsync(store, cancellationToken) is { } remains
                ? new RepositoryIncompleteException(store.Location, remains)
                : new RepositoryNotFoundException(store.Location);
        }

        var config = RepositoryConfig.Parse(content);
        var (keys, keyId) = await KeyUnlocking.UnlockAsync(store, config, secret, cancellationToken);
        if (!RepositoryConfig.IsAuthentic(content, keys))
        {
            keys.Dispose();
            throw new RepositoryFormatException(RepositoryConfig.Key, content.Length - Blake3.HashLength, "the config was altered: its MAC is wrong; restore the object from a copy");
        }

        return (config, keys, keyId);
    }

    /// <summary>What is written to a repository with parity gets parity, whoever writes it. Only directories have it: an object store keeps copies itself.</summary>
    private static async ValueTask<IObjectStore> WithParityAsync(IObjectStore store, RepositoryConfig config, RootKeys keys, CancellationToken cancellationToken)
    {
        if (!store.HasExclusiveFences) return store;
        return await ParityPolicy.ReadAsync(store, keys, config.RepositoryId, cancellationToken) is { Percent: > 0 } policy
            ? new ParityStore(store, policy.Percent, config.RepositoryId)
            : store;
    }

    /// <summary>The id of a chunk: BLAKE3 of its plaintext under the kind's key.</summary>
    public ChunkId ComputeId(ChunkKind kind, ReadOnlySpan<byte> plaintext)
    {
        var pool = _hashers[(int)kind - 1];
        var hasher = pool.Rent();
        try
        {
            Span<byte> hash = stackalloc byte[ChunkId.Length];
            hasher.Reset();
            hasher.Update(plaintext);
            hasher.Finalize(hash);
            return new ChunkId(hash);
        }
        finally
        {
            pool.Return(hasher);
        }
    }

    /// <summary>Loads the index once; later calls do nothing.</summary>
    public Task LoadIndexAsync(CancellationToken cancellationToken) => _refresh.LoadAsync(cancellationToken);

    /// <summary>
    /// Reads the index segments that have appeared since the last time. A damaged one is noted in <see cref="DamagedSegments"/> and
    /// made up for, in reading, by the footers of the packs that no other segment names. A pack that is missing or cut short is noted as lost:
    /// its chunks do not count as there, so that a backup stores them again.
    /// </summary>
    public Task RefreshIndexAsync(CancellationToken cancellationToken) => _refresh.RefreshAsync(cancellationToken);

    /// <summary>
    /// As <see cref="RefreshIndexAsync(CancellationToken)"/>, for a session that begins or publishes: finds out anew how far each pack can be relied on, since
    /// a long-lived process learnt of packs long ago. The ledger was read before; the packs are listed before the segments.
    /// </summary>
    internal Task RefreshIndexAsync(Ledger ledger, CancellationToken cancellationToken) => _refresh.RefreshAsync(ledger, cancellationToken);

    /// <summary>Whether a session of this process found the pack condemned, and none has found since that it is not.</summary>
    internal bool IsCondemned(PackId pack) => _refresh.IsCondemned(pack);

    /// <summary>Looks for chunks in packs that no segment names, once: the last resort before a chunk counts as lost.</summary>
    internal Task SearchUnnamedPacksAsync(CancellationToken cancellationToken) => _refresh.SearchUnnamedPacksAsync(cancellationToken);

    /// <summary>Begins to write. The index is loaded or brought up to date, so that what is there is not stored again, and what is being collected is.</summary>
    public async Task<WriteSession> BeginSessionAsync(WriteSessionOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        return await WriteSession.BeginAsync(this, options, cancellationToken);
    }

    /// <summary>What the loaded index says.</summary>
    public RepositoryStatistics GetStatistics() => Index.Sum();

    /// <summary>A reader of chunks; the caller disposes it.</summary>
    public ChunkReader CreateReader() => new(this, _cacheBytes);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var pool in _hashers) pool.Dispose();
        _keys.Dispose();
        Parity.Dispose();
        _refresh.Dispose();
        await Store.DisposeAsync();
    }

    /// <summary>What numbers chunks: with as much of them in memory as of the index. The caller disposes it.</summary>
    internal ChunkCensus CreateCensus() => new(_cache.FindPlaceForScratch(), _censusKeys);

    internal static string SegmentKey(string session, ReadOnlySpan<byte> content) => $"{IndexSegment.Prefix}{session}-{HashOf(content)}";

    internal EnvelopeCipher CreateCipher(CipherSuite suite, byte[]? salt)
    {
        var cipher = salt is null
            ? EnvelopeCipher.CreateSession(RootKeys, RepositoryId, suite)
            : new EnvelopeCipher(RootKeys, new SessionIdentity(RootKeys.CurrentGeneration, suite, salt), RepositoryId, canSeal: true);
        // What this process writes, it can read.
        Keyring.Add(cipher.Identity);
        return cipher;
    }

    /// <inheritdoc cref="HeldKeys.LearnGenerationAsync"/>
    internal ValueTask LearnGenerationAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => _keys.LearnGenerationAsync(content, cancellationToken);

    /// <inheritdoc cref="HeldKeys.RenewAsync"/>
    internal Task RenewKeysAsync(CancellationToken cancellationToken) => _keys.RenewAsync(cancellationToken);

    /// <inheritdoc cref="HeldKeys.Adopt"/>
    internal void Adopt(RootKeys? keys, RepositorySecret secret, string keyId) => _keys.Adopt(keys, secret, keyId);

    /// <inheritdoc cref="IndexRefresh.Add"/>
    internal void AddToIndex(ReadOnlySpan<byte> segment, IEnumerable<PackContents> packs) => _refresh.Add(segment, packs);

    internal async Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken)
    {
        var content = await Store.ReadAllAsync(key, (long)IndexSegment.MaxPlainLength + SmallObjects.MaxOverhead, cancellationToken);
        if (!key.EndsWith(HashOf(content), StringComparison.Ordinal))
            throw new RepositoryFormatException(key, 0, "the object's content is not what its name says: it is damaged; restore the object from a copy");
        await LearnGenerationAsync(content, cancellationToken);
        return IndexSegment.Decode(Objects.Open(content, key, ObjectKind.Index, EnvelopeType.IndexSegment, IndexSegment.MaxPlainLength), key);
    }

    /// <summary>Moves the index to a file when a session has added so much that memory is to be spared, or when the file is damaged.</summary>
    internal ValueTask SettleIndexAsync(CancellationToken cancellationToken) => _refresh.SettleAsync(cancellationToken);

    /// <summary>Whether an index segment's content is not the one that its name was made from.</summary>
    internal async Task<bool> IsAlteredAsync(string key, CancellationToken cancellationToken) =>
        !key.EndsWith(HashOf(await Store.ReadAllAsync(key, long.MaxValue, cancellationToken)), StringComparison.Ordinal);

    /// <inheritdoc cref="IndexRefresh.Learn"/>
    internal void Learn(PackContents pack, PackStanding standing = PackStanding.Named) => _refresh.Learn(pack, standing);

    /// <summary>All packs in the store, with their lengths.</summary>
    internal async Task<Dictionary<PackId, long>> ListPacksAsync(CancellationToken cancellationToken)
    {
        var packs = new Dictionary<PackId, long>();
        await foreach (var entry in Store.ListAsync(PackId.Prefix, cancellationToken))
        {
            if (PackId.TryParse(entry.Key, out var pack) && pack.Key == entry.Key) packs[pack] = entry.Length;
        }

        return packs;
    }

    private static string HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>A new config over the objects of a repository that lost its own would make all of them unreadable for good.</summary>
    private static async Task RequireEmptyAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var remains = await FindRemainsAsync(store, cancellationToken);
        // Asked after the look for objects: another process may have made the repository, and written to it, meanwhile.
        if (await store.StatAsync(RepositoryConfig.Key, cancellationToken) is not null) throw new RepositoryExistsException(store.Location);
        if (remains is not null) throw new RepositoryIncompleteException(store.Location, remains);
    }

    /// <summary>An object that only a repository has; null when there is none. A key object alone may be of an attempt that was stopped.</summary>
    private static async Task<string?> FindRemainsAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        foreach (var prefix in (string[])[SnapshotCatalog.Prefix, IndexSegment.Prefix, PackId.Prefix])
        {
            await foreach (var entry in store.ListAsync(prefix, cancellationToken)) return entry.Key;
        }

        return null;
    }
}
