using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>How chunks are bound to their envelopes: the associated data is u8 kind, then the 32-byte id.</summary>
internal static class ChunkEnvelope
{
    public const int AssociatedLength = 1 + ChunkId.Length;

    public static void Associate(ChunkKind kind, ChunkId id, Span<byte> destination)
    {
        destination[0] = (byte)kind;
        id.CopyTo(destination[1..]);
    }

    public static EnvelopeType TypeOf(ChunkKind kind) => (EnvelopeType)(byte)kind;
}
