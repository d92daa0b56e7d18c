using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A condemn record with what was said of it since.</summary>
internal sealed class LedgerEntry(string session, int number, DateTimeOffset condemned, IReadOnlySet<PackId> packs)
{
    public string Session { get; } = session;

    public int Number { get; } = number;

    /// <summary>When the record was written.</summary>
    public DateTimeOffset Condemned { get; } = condemned;

    public IReadOnlySet<PackId> Packs { get; } = packs;

    /// <summary>Taken back. Nothing is deleted under this record any more that is in here.</summary>
    public IReadOnlySet<PackId> Absolved { get; init; } = new HashSet<PackId>();

    /// <summary>When it was done with; null when it is not.</summary>
    public DateTimeOffset? Swept { get; init; }

    /// <summary>Why the record cannot be read; then it may condemn anything.</summary>
    public RepositoryFormatException? Damage { get; init; }

    public string Key => CollectionRecord.KeyOf(Session, CollectionRecordKind.Condemn, Number);

    public bool Condemns(PackId pack) => Packs.Contains(pack) && !Absolved.Contains(pack);
}
