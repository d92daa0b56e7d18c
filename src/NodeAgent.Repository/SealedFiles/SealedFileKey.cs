using System.Buffers.Text;
using System.Security.Cryptography;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.SealedFiles;

/// <summary>The key of one sealed file; it opens no other. Zeroed by Dispose, never printed by accident.</summary>
public sealed class SealedFileKey : IDisposable
{
    private readonly byte[] _key = GC.AllocateArray<byte>(RootKeys.KeyLength, pinned: true);
    private bool _disposed;

    internal SealedFileKey(ReadOnlySpan<byte> key) => key.CopyTo(_key);

    internal ReadOnlySpan<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _key;
        }
    }

    /// <summary>Reads what <see cref="Reveal"/> gave; null for anything else.</summary>
    public static SealedFileKey? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Span<byte> key = stackalloc byte[RootKeys.KeyLength];
        try
        {
            return Base64Url.TryDecodeFromChars(text, key, out var length) && length == key.Length ? new SealedFileKey(key) : null;
        }
        catch (FormatException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The key as text, for whoever may read this one file.</summary>
    public string Reveal() => Base64Url.EncodeToString(Bytes);

    /// <summary>Zeroes the key.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_key);
    }
}
