namespace NodeAgent.Repository.Parity;

/// <summary>What parity can do for an object.</summary>
/// <param name="State">In a word.</param>
/// <param name="DamagedBlocks">Of the object's blocks, those that are not what they were.</param>
/// <param name="Blocks">The object's blocks.</param>
/// <param name="Why">When it cannot be mended: why not.</param>
public sealed record ParityVerdict(ParityState State, int DamagedBlocks, int Blocks, string Why);
