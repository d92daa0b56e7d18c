namespace NodeAgent.Repository.Crypto;

/// <summary>What an opened envelope says of its content.</summary>
/// <param name="Type">What the content is; for the caller to compare with what it expects.</param>
/// <param name="Compressed">Whether the payload is one zstd frame, else the plain bytes.</param>
/// <param name="PlainLength">Length of the content in bytes once decompressed. Authentic, yet to be bounded by the caller.</param>
/// <param name="PayloadLength">Length of the payload in bytes.</param>
public readonly record struct OpenedEnvelope(EnvelopeType Type, bool Compressed, uint PlainLength, int PayloadLength)
{
    /// <summary>The payload within the buffer that was given to Open.</summary>
    public Span<byte> Payload(Span<byte> destination) => destination.Slice(EnvelopeCipher.InnerHeaderLength, PayloadLength);
}
