using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Crypto;

/// <summary>Derives keys from keys: BLAKE3 in its key derivation mode, so that the hash is the only such primitive in use.</summary>
public static class KeyDerivation
{
    /// <summary>Fills <paramref name="output"/>, of any length, from the material for the purpose that <paramref name="context"/> names.</summary>
    public static void Derive(string context, ReadOnlySpan<byte> material, Span<byte> output) =>
        Blake3.DeriveKey(context, material, output);
}
