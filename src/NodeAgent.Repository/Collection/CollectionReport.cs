namespace NodeAgent.Repository.Collection;

/// <summary>What a collection did, or would do.</summary>
public sealed record CollectionReport
{
    /// <summary>Snapshots that keep data.</summary>
    public int Snapshots { get; init; }

    /// <summary>Forgotten snapshots whose grace is over.</summary>
    public int DroppedSnapshots { get; init; }

    /// <summary>The plan: packs of each fate.</summary>
    public required IReadOnlyDictionary<PackFate, PackSum> Plan { get; init; }

    /// <summary>Packs that were deleted.</summary>
    public int DeletedPacks { get; init; }

    /// <summary>Their bytes.</summary>
    public long DeletedBytes { get; init; }

    /// <summary>Packs that were condemned and are left to a later run.</summary>
    public int CondemnedPacks { get; init; }

    /// <summary>Packs that were to go and were taken back, because a snapshot came to use them meanwhile.</summary>
    public int AbsolvedPacks { get; init; }

    /// <summary>Bytes of new packs with what was copied.</summary>
    public long CopiedBytes { get; init; }

    /// <summary>Packs that stay because a chunk in them that is used is damaged.</summary>
    public IReadOnlyList<string> DamagedPacks { get; init; } = [];

    /// <summary>Sessions for which the condemned packs still have to wait.</summary>
    public IReadOnlyList<string> WaitsFor { get; init; } = [];
}
