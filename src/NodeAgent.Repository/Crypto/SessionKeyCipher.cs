using System.Buffers.Binary;
using System.Security.Cryptography;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Crypto;

/// <summary>One session key: its counter, its limits and its pooled ciphers. Thread-safe. The only place where nonces are made.</summary>
internal sealed class SessionKeyCipher : IDisposable
{
    private readonly byte[] _key;
    private readonly InstancePool<AeadInstance> _pool;
    private readonly long _maxSeals;
    private readonly long _maxBytes;
    private long _nextCounter;
    private long _sealedBytes;

    public SessionKeyCipher(CipherSuite suite, ReadOnlySpan<byte> key, long maxSeals, long maxBytes)
    {
        _key = GC.AllocateArray<byte>(key.Length, pinned: true);
        key.CopyTo(_key);
        _maxSeals = maxSeals;
        _maxBytes = maxBytes;
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(key, hash);
        Reference = BinaryPrimitives.ReadUInt64LittleEndian(hash);
        _pool = new InstancePool<AeadInstance>(() => new AeadInstance(suite, _key));
    }

    /// <summary>First 8 bytes of the key's hash: names the key, and commits the envelope to it.</summary>
    public ulong Reference { get; }

    /// <summary>Encrypts in place under the next counter, which it returns.</summary>
    public ulong Seal(Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associatedData)
    {
        // Both are counted before they are tested: threads that fail at the limit leave it exceeded, never passed.
        var bytes = Interlocked.Add(ref _sealedBytes, text.Length);
        var counter = Interlocked.Increment(ref _nextCounter) - 1;
        if (counter >= _maxSeals || bytes > _maxBytes)
            throw new SessionExhaustedException();

        AeadInstance aead = _pool.Rent();
        try
        {
            Span<byte> nonce = stackalloc byte[AeadInstance.NonceLength];
            WriteNonce(nonce, (ulong)counter);
            aead.Encrypt(nonce, text, tag, associatedData);
        }
        finally
        {
            _pool.Return(aead);
        }

        return (ulong)counter;
    }

    /// <exception cref="EnvelopeException">The tag does not fit.</exception>
    public void Open(ulong counter, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext, ReadOnlySpan<byte> associatedData)
    {
        AeadInstance aead = _pool.Rent();
        try
        {
            Span<byte> nonce = stackalloc byte[AeadInstance.NonceLength];
            WriteNonce(nonce, counter);
            aead.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new EnvelopeException(EnvelopeFailure.NotAuthentic);
        }
        finally
        {
            _pool.Return(aead);
        }
    }

    public void Dispose()
    {
        _pool.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }

    private static void WriteNonce(Span<byte> nonce, ulong counter)
    {
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
    }
}
