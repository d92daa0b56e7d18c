using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Hashing;

/// <summary>BLAKE3 of input that is in memory in one piece. Thread-safe; allocates nothing per call once a thread has called it.</summary>
/// <remarks>Together with <see cref="Blake3Hasher"/> this is all that the rest of the program knows of BLAKE3.</remarks>
public static class Blake3
{
    /// <summary>Length of an ordinary hash in bytes.</summary>
    public const int HashLength = 32;

    [ThreadStatic]
    private static Blake3Hasher? _hasher;

    private static ReadOnlySpan<byte> NoKey => MemoryMarshal.AsBytes(Blake3Compression.InitialVector);

    /// <summary>Writes the hash of <paramref name="input"/>, as many bytes as <paramref name="output"/> has (32 as a rule).</summary>
    public static void Hash(ReadOnlySpan<byte> input, Span<byte> output)
    {
        Blake3Hasher hasher = _hasher ??= new Blake3Hasher();
        hasher.Restart(NoKey, 0);
        hasher.Update(input);
        hasher.Finalize(output);
    }

    /// <summary>Writes the hash of <paramref name="input"/> under a key of 32 bytes.</summary>
    public static void KeyedHash(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> output)
    {
        Blake3Hasher hasher = _hasher ??= new Blake3Hasher();
        hasher.Restart(key, Blake3Compression.Keyed);
        hasher.Update(input);
        hasher.Finalize(output);

        // The hasher lives as long as its thread: the key must not.
        hasher.Restart(NoKey, 0);
    }

    /// <summary>Derives <paramref name="output"/>, of any length, from key material for the purpose that <paramref name="context"/> names.</summary>
    public static void DeriveKey(string context, ReadOnlySpan<byte> keyMaterial, Span<byte> output)
    {
        using Blake3Hasher hasher = Blake3Hasher.CreateDeriveKey(context);
        hasher.Update(keyMaterial);
        hasher.Finalize(output);
    }
}
