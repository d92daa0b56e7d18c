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

    /// <summary>How often the key objects are read again because something is sealed under a key that is not at hand: whoever can write to the store can make up any number of such objects.</summary>
    private const int MaxUnknownGenerations = 16;

    private const int FootersAtOnce = 8;

    private readonly IndexCache _cache;
    private readonly IndexLoader _loader;
    private readonly InstancePool<Blake3Hasher>[] _hashers;
    private readonly SemaphoreSlim _refresh = new(1);
    private readonly SemaphoreSlim _renew = new(1);
    private readonly HashSet<ushort> _unknownGenerations = [];
    private readonly List<IDisposable> _secrets = [];
    private readonly int _cacheBytes;
    private readonly int _censusKeys;
    private readonly Dictionary<PackId, long> _condemnedAt = [];
    private HashSet<PackId> _condemned = [];
    private bool _loaded;
    private bool _searched;

    private ChunkRepository(IObjectStore store, RepositoryConfig config, RootKeys keys, RepositorySecret secret, string keyId, RepositoryOpenOptions options)
    {
        Store = store;
        Config = config;
        Time = options.Time;
        RepositoryId = config.RepositoryId;
        RootKeys = keys;
        // Kept for the day on which another process rotates the root keys.
        Secret = secret.Copy();
        KeyId = keyId;
        _secrets.AddRange([RootKeys, Secret]);
        _cacheBytes = options.ReadCacheBytes;
        _censusKeys = (int)Math.Min(options.IndexCacheLimits.Most, int.MaxValue);
        Gear = GearTable.Derive(keys.ChunkerKey);
        Keyring = new SessionKeyring(keys, RepositoryId);
        Objects = new SmallObjects(this);
        Index = new ChunkIndex(session => Keyring.Add(session));
        Parity = new ParityReader(this, options.OnReadByParity);
        _secrets.Add(Parity);
        _cache = new IndexCache(options.IndexCacheDirectory, keys, RepositoryId, options.Time);
        _loader = new IndexLoader(this, _cache, options);
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
    public IReadOnlyCollection<RepositoryFormatException> DamagedSegments => _loader.Damaged;

    /// <summary>
    /// Whether damage made it look for chunks where the index does not lead. That is done once: one that is opened anew looks again, and finds what was mended since.
    /// </summary>
    public bool HasMetDamage => HasSearchedUnnamedPacks || _loader.Damaged.Count > 0;

    /// <summary>Whether packs that no segment names were looked through already.</summary>
    internal bool HasSearchedUnnamedPacks => Volatile.Read(ref _searched);

    internal byte[] RepositoryId { get; }

    /// <summary>All root keys that are known now.</summary>
    internal RootKeys RootKeys { get; private set; }

    /// <summary>What the repository is opened with.</summary>
    internal RepositorySecret Secret { get; private set; }

    /// <summary>The key object that was opened.</summary>
    internal string KeyId { get; private set; }

    internal TimeProvider Time { get; }

    internal SessionKeyring Keyring { get; }

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
            return new ChunkRepository(store, config, keys, secret, key[KeyObject.Prefix.Length..], new RepositoryOpenOptions { Time = time }) { _loaded = true };
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
    public async Task LoadIndexAsync(CancellationToken cancellationToken)
    {
        if (!_loaded) await RefreshIndexAsync(cancellationToken);
    }

    /// <summary>
    /// Reads the index segments that have appeared since the last time. A damaged one is noted in <see cref="DamagedSegments"/> and
    /// made up for, in reading, by the footers of the packs that no other segment names. A pack that is missing or cut short is noted as lost:
    /// its chunks do not count as there, so that a backup stores them again.
    /// </summary>
    public async Task RefreshIndexAsync(CancellationToken cancellationToken)
    {
        await _refresh.WaitAsync(cancellationToken);
        try
        {
            await ReadIndexAsync(null, cancellationToken);
        }
        finally
        {
            _refresh.Release();
        }
    }

    /// <summary>
    /// As <see cref="RefreshIndexAsync(CancellationToken)"/>, for a session that begins or publishes: finds out anew how far each pack can be relied on, since
    /// a long-lived process learnt of packs long ago. The ledger was read before; the packs are listed before the segments.
    /// </summary>
    internal async Task RefreshIndexAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        await _refresh.WaitAsync(cancellationToken);
        try
        {
            var roll = Index.PackOrdinalLimit == 0 ? null : await PackRoll.TakeAsync(Index, Store.ListAsync(PackId.Prefix, cancellationToken), cancellationToken);
            NoteCondemned(ledger);
            await ReadIndexAsync(roll?.Others, cancellationToken);
            roll?.Apply(Index, _condemned, _loader.LeftOut);
        }
        finally
        {
            _refresh.Release();
        }
    }

    /// <summary>Whether a session of this process found the pack condemned, and none has found since that it is not.</summary>
    internal bool IsCondemned(PackId pack) => Volatile.Read(ref _condemned).Contains(pack);

    /// <summary>
    /// Sessions share the index, and a ledger may be applied long after it was read: it takes back only what was condemned before its reading began. Else a
    /// session could lift what another one relies on as condemned, and that one would publish chunks of a pack that is about to go.
    /// </summary>
    private void NoteCondemned(Ledger ledger)
    {
        var now = ledger.CondemnedPacks();
        foreach (var pack in now) _condemnedAt[pack] = Math.Max(ledger.Ended, _condemnedAt.GetValueOrDefault(pack));
        foreach (var (pack, seen) in _condemnedAt)
        {
            if (seen < ledger.Began && !now.Contains(pack)) _condemnedAt.Remove(pack);
        }

        Volatile.Write(ref _condemned, [.. _condemnedAt.Keys]);
    }

    private async Task ReadIndexAsync(IReadOnlyDictionary<PackId, long>? listed, CancellationToken cancellationToken)
    {
        var damaged = await _loader.RefreshAsync(isFirst: !_loaded, listed, cancellationToken);
        if (damaged || (!_loaded && _loader.IsEmpty)) await LearnUnnamedPacksAsync(cancellationToken);
        foreach (var pack in _loader.LeftOut)
        {
            if (Index.StandingOf(pack) == PackStanding.Named) Index.SetStanding(pack, PackStanding.Unnamed);
        }

        foreach (var pack in _condemned)
        {
            if (Index.StandingOf(pack) == PackStanding.Named) Index.SetStanding(pack, PackStanding.Condemned);
        }

        _loaded = true;
    }

    /// <summary>Looks for chunks in packs that no segment names, once: the last resort before a chunk counts as lost.</summary>
    internal async Task SearchUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        await _refresh.WaitAsync(cancellationToken);
        try
        {
            if (_searched) return;
            await LearnUnnamedPacksAsync(cancellationToken);
            _searched = true;
        }
        finally
        {
            _refresh.Release();
        }
    }

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
        Keyring.Dispose();
        foreach (var secret in _secrets) secret.Dispose();
        _refresh.Dispose();
        _renew.Dispose();
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

    /// <summary>
    /// Has the root key at hand that an object was sealed under: when it is of a generation that is not, the keys were rotated while this process ran,
    /// and the key objects are read again. When that does not help, opening the object says so.
    /// </summary>
    internal async ValueTask LearnGenerationAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (content.Length < ObjectHeader.Length) return;
        var generation = System.Buffers.Binary.BinaryPrimitives.ReadUInt16LittleEndian(content.Span[ObjectHeader.GenerationOffset..]);
        if (RootKeys.Contains(generation)) return;
        await _renew.WaitAsync(cancellationToken);
        try
        {
            // Others that met such an object meanwhile have waited for the answer.
            if (RootKeys.Contains(generation) || _unknownGenerations.Count == MaxUnknownGenerations || !_unknownGenerations.Add(generation)) return;
            await ReadKeysAgainAsync(cancellationToken);
            if (RootKeys.Contains(generation)) _unknownGenerations.Clear();
        }
        finally
        {
            _renew.Release();
        }
    }

    /// <summary>Reads the key objects again, and takes over root keys that came since.</summary>
    internal async Task RenewKeysAsync(CancellationToken cancellationToken)
    {
        await _renew.WaitAsync(cancellationToken);
        try
        {
            await ReadKeysAgainAsync(cancellationToken);
        }
        finally
        {
            _renew.Release();
        }
    }

    /// <summary>Goes on with other keys: those that there were and newer ones (null: the same), and with the secret that opens them. Both are copied.</summary>
    internal void Adopt(RootKeys? keys, RepositorySecret secret, string keyId)
    {
        // The former ones may be in use by others at this moment: they live as long as the repository.
        if (keys is not null)
        {
            RootKeys = keys.Copy();
            _secrets.Add(RootKeys);
            Keyring.Renew(RootKeys);
        }

        if (secret != Secret)
        {
            Secret = secret.Copy();
            _secrets.Add(Secret);
        }

        KeyId = keyId;
    }

    internal void AddToIndex(ReadOnlySpan<byte> segment, IEnumerable<PackContents> packs)
    {
        // What nobody has asked for yet is read with all the rest when somebody does.
        if (!_loaded) return;
        var contents = packs.ToList();
        foreach (var pack in contents) Index.Add(pack);
        if (contents.Count > 0)
            _loader.Note(SegmentKey(contents[0].Pack.Session.ToString("x16", System.Globalization.CultureInfo.InvariantCulture), segment), [.. contents.Select(p => p.Pack)]);
    }

    internal async Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken)
    {
        var content = await Store.ReadAllAsync(key, (long)IndexSegment.MaxPlainLength + SmallObjects.MaxOverhead, cancellationToken);
        if (!key.EndsWith(HashOf(content), StringComparison.Ordinal))
            throw new RepositoryFormatException(key, 0, "the object's content is not what its name says: it is damaged; restore the object from a copy");
        await LearnGenerationAsync(content, cancellationToken);
        return IndexSegment.Decode(Objects.Open(content, key, ObjectKind.Index, EnvelopeType.IndexSegment, IndexSegment.MaxPlainLength), key);
    }

    /// <summary>Moves the index to a file when a session has added so much that memory is to be spared, or when the file is damaged.</summary>
    internal async ValueTask SettleIndexAsync(CancellationToken cancellationToken)
    {
        if (_loader.IsBaseDue || Index.NeedsBase) await RefreshIndexAsync(cancellationToken);
    }

    /// <summary>Whether an index segment's content is not the one that its name was made from.</summary>
    internal async Task<bool> IsAlteredAsync(string key, CancellationToken cancellationToken) =>
        !key.EndsWith(HashOf(await Store.ReadAllAsync(key, long.MaxValue, cancellationToken)), StringComparison.Ordinal);

    internal void Learn(PackContents pack, PackStanding standing = PackStanding.Named)
    {
        SessionIdentity last = default;
        foreach (var chunk in pack.Chunks)
        {
            // Chunks of a segment share the sessions that were read with it.
            if (chunk.Session == last) continue;
            last = chunk.Session;
            Keyring.Add(last);
        }

        // At no moment does a condemned pack count as there.
        Index.Add(pack, standing == PackStanding.Named && IsCondemned(pack.Pack) && !Index.Knows(pack.Pack) ? PackStanding.Condemned : standing);
    }

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

    private async Task ReadKeysAgainAsync(CancellationToken cancellationToken)
    {
        try
        {
            var (keys, id) = await KeyUnlocking.UnlockAsync(Store, Config, Secret, cancellationToken);
            using (keys)
            {
                if (keys.Generations.Count > RootKeys.Generations.Count) Adopt(keys, Secret, id);
            }
        }
        catch (WrongKeyException)
        {
            // This key was removed. What is known stays known.
        }
    }

    private async Task LearnUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        var unnamed = new List<KeyValuePair<PackId, long>>();
        await foreach (var entry in Store.ListAsync(PackId.Prefix, cancellationToken))
        {
            if (PackId.TryParse(entry.Key, out var pack) && pack.Key == entry.Key && !Index.Knows(pack)) unnamed.Add(KeyValuePair.Create(pack, entry.Length));
        }

        await Parallel.ForEachAsync(unnamed, new ParallelOptions { MaxDegreeOfParallelism = FootersAtOnce, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            try
            {
                Learn(await PackReader.ReadContentsAsync(this, pack.Key, pack.Value, token), PackStanding.Unnamed);
            }
            catch (RepositoryException)
            {
                // Half of a pack of a run that was stopped, or a damaged one: its chunks stay unknown, and a check tells of it.
            }
        });
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
