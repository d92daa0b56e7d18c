using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>One authenticated cipher under one key, whichever suite it is. For one thread at a time.</summary>
internal sealed class AeadInstance : IDisposable
{
    public const int NonceLength = 12;
    public const int TagLength = 16;

    private readonly AesGcm? _gcm;
    private readonly ChaCha20Poly1305? _chaCha;

    public AeadInstance(CipherSuite suite, ReadOnlySpan<byte> key)
    {
        switch (suite)
        {
            case CipherSuite.Aes256Gcm:
                _gcm = new AesGcm(key, TagLength);
                break;
            case CipherSuite.ChaCha20Poly1305:
                _chaCha = new ChaCha20Poly1305(key);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(suite), suite, "unknown cipher suite");
        }
    }

    /// <summary>Encrypts in place.</summary>
    public void Encrypt(ReadOnlySpan<byte> nonce, Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associatedData)
    {
        if (_gcm is not null)
            _gcm.Encrypt(nonce, text, text, tag, associatedData);
        else
            _chaCha!.Encrypt(nonce, text, text, tag, associatedData);
    }

    /// <exception cref="AuthenticationTagMismatchException">The tag does not fit; the plaintext is cleared.</exception>
    public void Decrypt(
        ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext, ReadOnlySpan<byte> associatedData)
    {
        if (_gcm is not null)
            _gcm.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);
        else
            _chaCha!.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);
    }

    public void Dispose()
    {
        _gcm?.Dispose();
        _chaCha?.Dispose();
    }
}
