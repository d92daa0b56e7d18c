namespace NodeAgent.Repository.Repair;

/// <summary>What a repair of packs found and did.</summary>
/// <param name="Looked">Packs that were looked at.</param>
/// <param name="Packs">The damaged ones.</param>
/// <param name="WrittenBytes">Bytes of new packs.</param>
public sealed record PackRepairReport(int Looked, IReadOnlyList<RepairedPack> Packs, long WrittenBytes)
{
    /// <summary>Chunks that are lost.</summary>
    public long Lost => Packs.Sum(p => (long)p.Lost);
}
