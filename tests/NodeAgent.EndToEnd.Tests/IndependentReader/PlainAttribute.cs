namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One extended attribute.</summary>
/// <param name="Name">Its bytes.</param>
/// <param name="Value">The value, when the entry holds it.</param>
/// <param name="Chunk">The data chunk that is the value, otherwise.</param>
internal sealed record PlainAttribute(byte[] Name, byte[]? Value, byte[]? Chunk);
