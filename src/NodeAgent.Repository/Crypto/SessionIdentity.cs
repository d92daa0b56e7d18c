namespace NodeAgent.Repository.Crypto;

/// <summary>What a reader with the root keys needs to open a session's envelopes. None of it is secret.</summary>
/// <param name="Generation">Generation of the root key.</param>
/// <param name="Suite">The cipher.</param>
/// <param name="Salt">32 random bytes. Not to be changed.</param>
public readonly record struct SessionIdentity(ushort Generation, CipherSuite Suite, ReadOnlyMemory<byte> Salt);
