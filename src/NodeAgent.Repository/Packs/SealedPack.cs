using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Packs;

/// <summary>A pack ready to be sent.</summary>
/// <param name="Contents">What it holds.</param>
/// <param name="Buffer">Its bytes, from the start; owned: given back to <see cref="PackBuffers"/> when the store has it, disposed when no store was given it, else abandoned.</param>
/// <param name="Length">How many of them.</param>
internal sealed record SealedPack(PackContents Contents, PageBuffer Buffer, int Length)
{
    /// <summary>What is sent.</summary>
    public ReadOnlyMemory<byte> Bytes => Buffer.Memory[..Length];
}
