using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>Chooses the cipher of new sessions. Any machine reads both, whatever it prefers.</summary>
public static class CipherSuiteSelection
{
    /// <summary>AES-256-GCM where the processor computes AES, else ChaCha20-Poly1305, which is faster and safer in software.</summary>
    public static CipherSuite Preferred { get; } =
        System.Runtime.Intrinsics.X86.Aes.IsSupported || System.Runtime.Intrinsics.Arm.Aes.IsSupported || !ChaCha20Poly1305.IsSupported
            ? CipherSuite.Aes256Gcm
            : CipherSuite.ChaCha20Poly1305;
}
