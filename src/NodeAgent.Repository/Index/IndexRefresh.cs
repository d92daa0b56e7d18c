using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Keeps the index of an open repository up to date: with the segments of others, with what this process writes, with packs that only their footers name, and
/// with what sessions found condemned. Thread-safe; one refresh at a time.
/// </summary>
internal sealed class IndexRefresh(ChunkRepository repository, IndexLoader loader) : IDisposable
{
    private const int FootersAtOnce = 8;

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private readonly Dictionary<PackId, long> _condemnedAt = [];
    private HashSet<PackId> _condemned = [];
    private bool _loaded;
    private bool _searched;

    /// <summary>See <see cref="ChunkRepository.DamagedSegments"/>.</summary>
    public IReadOnlyCollection<RepositoryFormatException> Damaged => loader.Damaged;

    /// <summary>Whether packs that no segment names were looked through already.</summary>
    public bool HasSearchedUnnamedPacks => Volatile.Read(ref _searched);

    private ChunkIndex Index => repository.Index;

    /// <summary>A repository that was just made has nothing to load.</summary>
    public void StartEmpty() => _loaded = true;

    /// <summary>See <see cref="ChunkRepository.LoadIndexAsync"/>.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (!_loaded) await RefreshAsync(cancellationToken);
    }

    /// <summary>See <see cref="ChunkRepository.RefreshIndexAsync(CancellationToken)"/>.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            await ReadAsync(null, cancellationToken);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>See <see cref="ChunkRepository.RefreshIndexAsync(Ledger, CancellationToken)"/>.</summary>
    public async Task RefreshAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            var roll = Index.PackOrdinalLimit == 0 ? null : await PackRoll.TakeAsync(Index, repository.Store.ListAsync(PackId.Prefix, cancellationToken), cancellationToken);
            NoteCondemned(ledger);
            await ReadAsync(roll?.Others, cancellationToken);
            roll?.Apply(Index, _condemned, loader.LeftOut);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Looks for chunks in packs that no segment names, once: the last resort before a chunk counts as lost.</summary>
    public async Task SearchUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            if (_searched) return;
            await LearnUnnamedPacksAsync(cancellationToken);
            _searched = true;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Whether a session of this process found the pack condemned, and none has found since that it is not.</summary>
    public bool IsCondemned(PackId pack) => Volatile.Read(ref _condemned).Contains(pack);

    /// <summary>Takes a segment's content over that this process has written.</summary>
    public void Add(ReadOnlySpan<byte> segment, IEnumerable<PackContents> packs)
    {
        // What nobody has asked for yet is read with all the rest when somebody does.
        if (!_loaded) return;
        var contents = packs.ToList();
        foreach (var pack in contents) Index.Add(pack);
        if (contents.Count > 0)
            loader.Note(ChunkRepository.SegmentKey(contents[0].Pack.Session.ToString("x16", System.Globalization.CultureInfo.InvariantCulture), segment), [.. contents.Select(p => p.Pack)]);
    }

    /// <summary>Takes over what a pack holds, and the sessions that sealed it.</summary>
    public void Learn(PackContents pack, PackStanding standing)
    {
        SessionIdentity last = default;
        foreach (var chunk in pack.Chunks)
        {
            // Chunks of a segment share the sessions that were read with it.
            if (chunk.Session == last) continue;
            last = chunk.Session;
            repository.Keyring.Add(last);
        }

        // At no moment does a condemned pack count as there.
        Index.Add(pack, standing == PackStanding.Named && IsCondemned(pack.Pack) && !Index.Knows(pack.Pack) ? PackStanding.Condemned : standing);
    }

    /// <summary>Moves the index to a file when a session has added so much that memory is to be spared, or when the file is damaged.</summary>
    public async ValueTask SettleAsync(CancellationToken cancellationToken)
    {
        if (loader.IsBaseDue || Index.NeedsBase) await RefreshAsync(cancellationToken);
    }

    public void Dispose() => _oneAtATime.Dispose();

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

    private async Task ReadAsync(IReadOnlyDictionary<PackId, long>? listed, CancellationToken cancellationToken)
    {
        var damaged = await loader.RefreshAsync(isFirst: !_loaded, listed, cancellationToken);
        if (damaged || (!_loaded && loader.IsEmpty)) await LearnUnnamedPacksAsync(cancellationToken);
        foreach (var pack in loader.LeftOut)
        {
            if (Index.StandingOf(pack) == PackStanding.Named) Index.SetStanding(pack, PackStanding.Unnamed);
        }

        foreach (var pack in _condemned)
        {
            if (Index.StandingOf(pack) == PackStanding.Named) Index.SetStanding(pack, PackStanding.Condemned);
        }

        _loaded = true;
    }

    private async Task LearnUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        var unnamed = new List<KeyValuePair<PackId, long>>();
        await foreach (var entry in repository.Store.ListAsync(PackId.Prefix, cancellationToken))
        {
            if (PackId.TryParse(entry.Key, out var pack) && pack.Key == entry.Key && !Index.Knows(pack)) unnamed.Add(KeyValuePair.Create(pack, entry.Length));
        }

        await Parallel.ForEachAsync(unnamed, new ParallelOptions { MaxDegreeOfParallelism = FootersAtOnce, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            try
            {
                Learn(await PackReader.ReadContentsAsync(repository, pack.Key, pack.Value, token), PackStanding.Unnamed);
            }
            catch (RepositoryException)
            {
                // Half of a pack of a run that was stopped, or a damaged one: its chunks stay unknown, and a check tells of it.
            }
        });
    }
}
