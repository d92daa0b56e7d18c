using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Everything below <c>gc/</c> at a moment: which packs are being retired, and by whom.</summary>
internal sealed class Ledger
{
    private const int MaxRecordLength = 16 << 20;
    private const int Rounds = 20;

    private static long s_clock;

    private readonly Dictionary<string, LedgerEntry> _entries = [];
    private readonly Dictionary<string, CollectionRecord> _read = [];

    private Ledger()
    {
    }

    public static Ledger Empty { get; } = new();

    /// <summary>
    /// When its reading began and ended, by a clock of this process that counts readings. What it does not hold was not there when it began, or later;
    /// what it holds was there before it ended.
    /// </summary>
    public long Began { get; private init; }

    /// <inheritdoc cref="Began"/>
    public long Ended { get; private set; }

    public IReadOnlyCollection<LedgerEntry> Entries => _entries.Values;

    /// <summary>Records that make forget marks final.</summary>
    public List<DropEntry> Drops { get; } = [];

    /// <summary>Names below <c>gc/</c> that belong to no condemn record, with the time of the object.</summary>
    public List<StoreEntry> Strays { get; } = [];

    /// <summary>Reads it. Records are written once, so those of an earlier reading are not read again.</summary>
    public static async Task<Ledger> ReadAsync(IObjectStore store, IProtocolRecords records, Ledger? earlier, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            var ledger = new Ledger { Began = Interlocked.Increment(ref s_clock) };
            try
            {
                await ledger.LoadAsync(store, records, earlier, cancellationToken);
                ledger.Ended = Interlocked.Increment(ref s_clock);
                return ledger;
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && round < Rounds)
            {
                // Tidied away between the list and the read: what is left of the listing does not fit together any more.
            }
        }
    }

    /// <summary>Whether a record names the pack and has not taken it back.</summary>
    public bool IsCondemned(PackId pack) => _entries.Values.Any(e => e.Condemns(pack));

    /// <summary>Since when the pack has been condemned without a break; null when it is not.</summary>
    public DateTimeOffset? CondemnedSince(PackId pack) => _entries.Values.Where(e => e.Condemns(pack)).Select(e => (DateTimeOffset?)e.Condemned).Min();

    /// <summary>Every pack that is condemned.</summary>
    public HashSet<PackId> CondemnedPacks()
    {
        var condemned = new HashSet<PackId>();
        foreach (var entry in _entries.Values) condemned.UnionWith(entry.Packs.Where(entry.Condemns));
        return condemned;
    }

    /// <summary>When a forget mark was made final; null when it was not.</summary>
    public DateTimeOffset? DroppedAt(string mark) => Drops.Where(d => d.Marks.Contains(mark)).Select(d => (DateTimeOffset?)d.Written).Min();

    public bool Holds(LedgerEntry entry) => _entries.ContainsKey(entry.Key);

    /// <summary>A damaged record may condemn anything: nobody can go on who would have to know.</summary>
    public void RequireSound()
    {
        if ((_entries.Values.Select(e => e.Damage).Concat(Drops.Select(d => d.Damage)).FirstOrDefault(d => d is not null)) is not { } damage) return;
        throw new RepositoryException(
            $"{damage.Message}: it says what is being removed, so nothing may rely on any pack while it is there; make sure that no \"nodeagent repo prune\" is running, then delete this one object", damage);
    }

    private async Task LoadAsync(IObjectStore store, IProtocolRecords records, Ledger? earlier, CancellationToken cancellationToken)
    {
        var firsts = new List<(StoreEntry Object, string Session, int Number, CollectionRecordKind Kind)>();
        var others = new Dictionary<(string, int, CollectionRecordKind), StoreEntry>();
        await foreach (var entry in store.ListAsync(CollectionRecord.Prefix, cancellationToken))
        {
            if (!CollectionRecord.TryParseKey(entry.Key, out var session, out var kind, out var number)) continue;
            if (kind is CollectionRecordKind.Condemn or CollectionRecordKind.Drop) firsts.Add((entry, session, number, kind));
            else others[(session, number, kind)] = entry;
        }

        foreach (var (found, session, number, kind) in firsts)
        {
            RepositoryFormatException? damage = null;
            var packs = new HashSet<PackId>();
            var marks = new HashSet<string>();
            try
            {
                var record = await ReadAsync(found.Key);
                packs.UnionWith(record.Packs);
                marks.UnionWith(record.Marks);
            }
            catch (RepositoryFormatException exception)
            {
                damage = exception;
            }

            if (kind == CollectionRecordKind.Drop)
            {
                Drops.Add(new DropEntry(found.Key, session, found.LastModified, marks, damage));
                continue;
            }

            var absolved = new HashSet<PackId>();
            DateTimeOffset? swept = null;
            if (others.Remove((session, number, CollectionRecordKind.Absolve), out var absolve)) absolved.UnionWith(await TryReadAsync(absolve.Key) ?? []);
            if (others.Remove((session, number, CollectionRecordKind.Swept), out var sweep) && await TryReadAsync(sweep.Key) is not null) swept = sweep.LastModified;
            _entries.Add(found.Key, new LedgerEntry(session, number, found.LastModified, packs) { Absolved = absolved, Swept = swept, Damage = damage });
        }

        Strays.AddRange(others.Values);

        async Task<CollectionRecord> ReadAsync(string key)
        {
            if (earlier?._read.GetValueOrDefault(key) is not { } record)
            {
                var content = await store.ReadAllAsync(key, MaxRecordLength, cancellationToken);
                await records.LearnKeyAsync(content, cancellationToken);
                record = records.OpenCollection(key, content);
            }

            _read[key] = record;
            return record;
        }

        // One that does not open says nothing: its packs stay condemned, which costs space and no data.
        async Task<IReadOnlyList<PackId>?> TryReadAsync(string key)
        {
            try
            {
                return (await ReadAsync(key)).Packs;
            }
            catch (RepositoryFormatException)
            {
                return null;
            }
        }
    }
}
