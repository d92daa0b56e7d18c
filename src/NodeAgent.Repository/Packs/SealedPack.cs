using NodeAgent.Repository.Index;

namespace NodeAgent.Repository.Packs;

/// <summary>A pack ready to be sent.</summary>
/// <param name="Contents">What it holds.</param>
/// <param name="Buffer">Its bytes, from the start; goes back to the pool when it is sent.</param>
/// <param name="Length">How many of them.</param>
internal sealed record SealedPack(PackContents Contents, byte[] Buffer, int Length);
