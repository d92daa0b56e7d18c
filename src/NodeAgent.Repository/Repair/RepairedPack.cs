using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>A damaged pack, and what became of it.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Damage">What is wrong with it, for people.</param>
/// <param name="Chunks">Chunks that it holds, as far as index or footer say.</param>
/// <param name="Saved">Of these, sound in it: they are in a new pack now.</param>
/// <param name="Elsewhere">Damaged in it, and sound in another pack.</param>
/// <param name="Lost">Damaged, and nowhere else. A backup that has them stores them again.</param>
/// <param name="Unknown">Nobody can say whether they are sound: the footer is damaged, and no snapshot uses them.</param>
public sealed record RepairedPack(PackId Pack, string Damage, int Chunks, int Saved, int Elsewhere, int Lost, int Unknown)
{
    /// <summary>The name under which its bytes are kept aside; null when there are none, or nothing was lost.</summary>
    public string? KeptAs { get; init; }
}
