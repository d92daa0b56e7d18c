namespace NodeAgent.Repository.Verification;

/// <summary>What a check saw and found.</summary>
/// <param name="Snapshots">Snapshots whose trees were walked.</param>
/// <param name="Packs">Packs that the index knows.</param>
/// <param name="Chunks">Chunks that the index knows.</param>
/// <param name="ReadBytes">Bytes of packs that were read.</param>
/// <param name="Problems">What is wrong.</param>
public sealed record CheckReport(int Snapshots, int Packs, long Chunks, long ReadBytes, IReadOnlyList<CheckProblem> Problems)
{
    /// <summary>Whether nothing is lost.</summary>
    public bool IsSound => Problems.All(p => !p.IsDamage);
}
