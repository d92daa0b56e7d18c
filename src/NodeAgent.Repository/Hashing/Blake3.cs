namespace NodeAgent.Repository.Hashing;

/// <summary>BLAKE3 of input that is in memory in one piece. Thread-safe; allocates nothing per call once a thread has called it.</summary>
/// <remarks>Together with <see cref="Blake3Hasher"/> this is all that the rest of the program knows of BLAKE3.</remarks>
public static class Blake3
{
    /// <summary>Length of an ordinary hash in bytes.</summary>
    public const int HashLength = 32;

    [ThreadStatic]
    private static Blake3Hasher? _unkeyed;

    /// <summary>Writes the hash of <paramref name="input"/>, as many bytes as <paramref name="output"/> has (32 as a rule).</summary>
    public static void Hash(ReadOnlySpan<byte> input, Span<byte> output)
    {
        Blake3Hasher hasher = _unkeyed ??= new Blake3Hasher();
        hasher.Reset();
        hasher.Update(input);
        hasher.Finalize(output);
    }

    /// <summary>Writes the hash of <paramref name="input"/> under a key of 32 bytes.</summary>
    public static void KeyedHash(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> output)
    {
        using Blake3Hasher hasher = Blake3Hasher.CreateKeyed(key);
        hasher.Update(input);
        hasher.Finalize(output);
    }

    /// <summary>Derives <paramref name="output"/>, of any length, from key material for the purpose that <paramref name="context"/> names.</summary>
    public static void DeriveKey(string context, ReadOnlySpan<byte> keyMaterial, Span<byte> output)
    {
        using Blake3Hasher hasher = Blake3Hasher.CreateDeriveKey(context);
        hasher.Update(keyMaterial);
        hasher.Finalize(output);
    }
}
