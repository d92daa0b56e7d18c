using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Verification;

/// <summary>What a check saw and found.</summary>
/// <param name="Snapshots">Snapshots whose trees were walked.</param>
/// <param name="Packs">Packs that the index knows, but for those that are gone and that no snapshot needs.</param>
/// <param name="Chunks">Chunks that the index knows.</param>
/// <param name="ReadBytes">Bytes of packs that were read.</param>
/// <param name="Problems">What is wrong.</param>
public sealed record CheckReport(int Snapshots, int Packs, long Chunks, long ReadBytes, IReadOnlyList<CheckProblem> Problems)
{
    /// <summary>Packs that were read.</summary>
    public int ReadPacks { get; init; }

    /// <summary>Packs that were to be read and were not, because the time was up.</summary>
    public int PacksLeft { get; init; }

    /// <summary>Packs that were not read because that was done not long ago.</summary>
    public int RecentPacks { get; init; }

    /// <summary>Packs that were never read, as far as is remembered.</summary>
    public int NeverReadPacks { get; init; }

    /// <summary>Of the packs that were read at some time, when that was longest ago; null when there is none or nothing is remembered.</summary>
    public DateTimeOffset? OldestVerification { get; init; }

    /// <summary>What mends what was found, in the order in which it is to be done.</summary>
    public IReadOnlyList<RepairStep> Repairs { get; init; } = [];

    /// <summary>Packs that snapshots need and that are missing, or that are not as they were written.</summary>
    public IReadOnlyList<PackId> DamagedPacks { get; init; } = [];

    /// <summary>Whether nothing is lost.</summary>
    public bool IsSound => Problems.All(p => !p.IsDamage);
}
