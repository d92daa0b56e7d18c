using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>What a repair of packs found and did.</summary>
/// <param name="Looked">Packs that were looked at.</param>
/// <param name="Packs">The damaged ones.</param>
/// <param name="WrittenBytes">Bytes of new packs.</param>
public sealed record PackRepairReport(int Looked, IReadOnlyList<RepairedPack> Packs, long WrittenBytes)
{
    /// <summary>Damaged packs that are what they were again, by their parity; in a dry run, that would be.</summary>
    public IReadOnlyList<PackId> Mended { get; init; } = [];

    /// <summary>Chunks that are lost.</summary>
    public long Lost => Packs.Sum(p => (long)p.Lost);
}
