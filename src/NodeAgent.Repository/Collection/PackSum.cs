namespace NodeAgent.Repository.Collection;

/// <summary>Packs of one fate.</summary>
/// <param name="Packs">How many.</param>
/// <param name="Bytes">Their size.</param>
/// <param name="UnusedBytes">What of it nothing uses.</param>
public sealed record PackSum(int Packs, long Bytes, long UnusedBytes);
