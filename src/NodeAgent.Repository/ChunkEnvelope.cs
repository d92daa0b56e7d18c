using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>How chunks are bound to their envelopes: the associated data is u8 kind, then the 32-byte id.</summary>
internal static class ChunkEnvelope
{
    public const int AssociatedLength = 1 + ChunkId.Length;

    /// <summary>The longest envelope: that of the longest chunk, which compression never makes longer.</summary>
    public const int MaxLength = ChunkRepository.MaxChunkLength + EnvelopeCipher.Overhead;

    public static void Associate(ChunkKind kind, ChunkId id, Span<byte> destination)
    {
        destination[0] = (byte)kind;
        id.CopyTo(destination[1..]);
    }

    public static EnvelopeType TypeOf(ChunkKind kind) => (EnvelopeType)(byte)kind;
}
