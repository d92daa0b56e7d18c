namespace NodeAgent.Repository.Crypto;

/// <summary>The authenticated cipher of a session. The values are written to repositories.</summary>
public enum CipherSuite : byte
{
    /// <summary>AES-256 in Galois/Counter mode, tag of 16 bytes.</summary>
    Aes256Gcm = 1,

    /// <summary>ChaCha20-Poly1305 of RFC 8439.</summary>
    ChaCha20Poly1305 = 2,
}
