using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Repository.Crypto;

/// <summary>What a repository is unlocked with: a raw key or a passphrase. Zeroed by Dispose, never printed.</summary>
public sealed class RepositorySecret : IDisposable
{
    /// <summary>Length of a raw key in bytes.</summary>
    public const int KeyLength = 32;

    /// <summary>The longest passphrase in bytes.</summary>
    public const int MaxPassphraseLength = 4096;

    private const string KeyWrapContext = "NodeAgent 2026 repository v1 raw key wrap";

    private readonly byte[] _value;
    private bool _disposed;

    private RepositorySecret(RepositorySecretKind kind, ReadOnlySpan<byte> value)
    {
        Kind = kind;
        _value = GC.AllocateArray<byte>(value.Length, pinned: true);
        value.CopyTo(_value);
    }

    /// <summary>Which of the two this is.</summary>
    public RepositorySecretKind Kind { get; }

    /// <summary>Takes a copy of 32 raw bytes.</summary>
    public static RepositorySecret FromKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyLength)
            throw new ArgumentException($"a raw key has {KeyLength} bytes, not {key.Length}", nameof(key));
        return new RepositorySecret(RepositorySecretKind.RawKey, key);
    }

    /// <summary>
    /// Reads the content of a key file: 32 raw bytes, or 64 hexadecimal digits, or base64 of 32 bytes; white space around
    /// the two text forms is ignored.
    /// </summary>
    /// <exception cref="InvalidDataException">It is none of them. The message does not quote the content.</exception>
    public static RepositorySecret FromKeyFile(ReadOnlySpan<byte> content)
    {
        if (content.Length == KeyLength)
            return FromKey(content);

        ReadOnlySpan<byte> text = content.Trim(" \t\r\n"u8);
        Span<byte> key = stackalloc byte[KeyLength];
        try
        {
            if (text.Length == 2 * KeyLength
                && Convert.FromHexString(text, key, out _, out var fromHex) == System.Buffers.OperationStatus.Done && fromHex == KeyLength)
                return FromKey(key);

            // 44 characters with padding, 43 without; both alphabets, since tools differ in which one they print.
            if (text.Length is 43 or 44 && TryDecodeBase64(text, key))
                return FromKey(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }

        throw new InvalidDataException($"the key file ({content.Length} bytes) is not a key: expected 32 raw bytes, 64 hexadecimal digits or base64 of 32 bytes (make one with: head -c 32 /dev/urandom > key)");
    }

    /// <summary>Takes a copy of a passphrase, as UTF-8. One line end at its end, as files have it, is not part of it.</summary>
    /// <exception cref="InvalidDataException">It is empty or longer than 4096 bytes.</exception>
    public static RepositorySecret FromPassphrase(ReadOnlySpan<byte> passphrase)
    {
        if (passphrase.EndsWith("\n"u8))
            passphrase = passphrase[..^1];
        if (passphrase.EndsWith("\r"u8))
            passphrase = passphrase[..^1];
        if (passphrase.IsEmpty)
            throw new InvalidDataException("the repository passphrase is empty");
        if (passphrase.Length > MaxPassphraseLength)
            throw new InvalidDataException($"the repository passphrase has {passphrase.Length} bytes, more than {MaxPassphraseLength}");
        return new RepositorySecret(RepositorySecretKind.Passphrase, passphrase);
    }

    /// <summary>As the overload for bytes, from text.</summary>
    public static RepositorySecret FromPassphrase(string passphrase)
    {
        ArgumentNullException.ThrowIfNull(passphrase);
        var bytes = Encoding.UTF8.GetBytes(passphrase);
        try
        {
            return FromPassphrase(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>A copy with a life of its own.</summary>
    internal RepositorySecret Copy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new RepositorySecret(Kind, _value);
    }

    /// <summary>Zeroes the secret.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_value);
    }

    /// <summary>Derives the key that encrypts root keys. A raw key needs no cost, since it cannot be guessed.</summary>
    internal void DeriveWrappingKey(ReadOnlySpan<byte> salt, Argon2Parameters parameters, Span<byte> wrappingKey)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Kind == RepositorySecretKind.Passphrase)
        {
            Argon2.DeriveKey(_value, salt, parameters, wrappingKey);
            return;
        }

        Span<byte> material = stackalloc byte[KeyLength + salt.Length];
        _value.CopyTo(material);
        salt.CopyTo(material[KeyLength..]);
        KeyDerivation.Derive(KeyWrapContext, material, wrappingKey);
        CryptographicOperations.ZeroMemory(material);
    }

    private static bool TryDecodeBase64(ReadOnlySpan<byte> text, Span<byte> key)
    {
        // Base64Url takes text with and without padding; the two other characters are mapped to its alphabet first.
        Span<byte> url = stackalloc byte[text.Length];
        for (var i = 0; i < text.Length; i++)
            url[i] = text[i] switch { (byte)'+' => (byte)'-', (byte)'/' => (byte)'_', var other => other };
        try
        {
            return Base64Url.DecodeFromUtf8(url, key, out var consumed, out var written) == System.Buffers.OperationStatus.Done
                && consumed == text.Length && written == KeyLength;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(url);
        }
    }
}
