namespace NodeAgent.Repository.Packs;

/// <summary>The place of a chunk in a pack that is being filled.</summary>
/// <param name="Builder">The pack.</param>
/// <param name="Offset">Where in it.</param>
/// <param name="Length">Bytes of the envelope.</param>
/// <param name="Full">The pack that had no room left for the chunk, when it is complete: the caller's to send.</param>
internal readonly record struct PackPlace(PackBuilder Builder, int Offset, int Length, PackBuilder? Full)
{
    /// <summary>Where the envelope goes. Valid until it is settled.</summary>
    public Span<byte> Envelope => Builder.EnvelopeAt(Offset, Length);
}
