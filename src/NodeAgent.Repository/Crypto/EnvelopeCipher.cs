using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>Seals and opens the envelopes of one session. Thread-safe. Zeroes its keys on Dispose.</summary>
/// <remarks>
/// <code>
/// offset    size  field                        (integers little-endian)
/// 0         16    AES-256-ECB under the repository's nonce block key of: u64 session reference, u64 counter
/// 16        8     inner header, encrypted: u8 type, u8 compression (0 none, 1 zstd), u16 zero, u32 plain length
/// 24        n     payload, encrypted
/// 24 + n    16    tag
/// </code>
/// Cipher: AES-256-GCM or ChaCha20-Poly1305 with the session's data key (types 1 to 3) or meta key (all others); nonce =
/// 4 zero bytes, u64 counter; associated data = repository id (16 bytes), then what the caller gives. Session reference =
/// first 8 bytes of BLAKE3 of that key. No two envelopes of one key share a counter, which starts at 0 for each new
/// session: that is why only <see cref="CreateSession"/>, which draws a fresh salt, gives an instance that seals.
/// </remarks>
public sealed class EnvelopeCipher : IDisposable
{
    /// <summary>By how many bytes an envelope is longer than its payload.</summary>
    public const int Overhead = NonceBlock.Length + InnerHeaderLength + AeadInstance.TagLength;

    /// <summary>Length in bytes of the encrypted header that comes before the payload.</summary>
    public const int InnerHeaderLength = 8;

    /// <summary>Where the payload lies in an envelope. A payload already there when Seal is called is not copied.</summary>
    public const int PayloadOffset = NonceBlock.Length + InnerHeaderLength;

    /// <summary>Length of a repository id in bytes.</summary>
    public const int RepositoryIdLength = 16;

    /// <summary>The longest associated data in bytes.</summary>
    public const int MaxAssociatedDataLength = 256;

    /// <summary>How many envelopes one key seals.</summary>
    public const long MaxSeals = 1L << 32;

    /// <summary>How many bytes one key seals: 2^36 blocks, at which GCM's distinguishing advantage is about 2^-57.</summary>
    public const long MaxSealedBytes = 1L << 40;

    private readonly byte[] _repositoryId;
    private readonly byte[] _salt;
    private readonly byte[] _nonceBlockKey;
    private readonly SessionKeyCipher _data;
    private readonly SessionKeyCipher _meta;
    private readonly InstancePool<NonceBlock> _nonceBlocks;
    private readonly bool _canSeal;

    internal EnvelopeCipher(
        RootKeys keys, SessionIdentity session, ReadOnlySpan<byte> repositoryId, bool canSeal,
        long maxSeals = MaxSeals, long maxSealedBytes = MaxSealedBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (repositoryId.Length != RepositoryIdLength)
            throw new ArgumentException($"a repository id has {RepositoryIdLength} bytes, not {repositoryId.Length}", nameof(repositoryId));
        Generation = session.Generation;
        Suite = session.Suite;
        _canSeal = canSeal;
        _repositoryId = repositoryId.ToArray();
        _salt = session.Salt.ToArray();
        using SessionKeys sessionKeys = keys.DeriveSessionKeys(session.Generation, _salt);
        _data = new SessionKeyCipher(Suite, sessionKeys.DataKey, maxSeals, maxSealedBytes);
        _meta = new SessionKeyCipher(Suite, sessionKeys.MetaKey, maxSeals, maxSealedBytes);
        _nonceBlockKey = GC.AllocateArray<byte>(RootKeys.KeyLength, pinned: true);
        keys.NonceBlockKey.CopyTo(_nonceBlockKey);
        _nonceBlocks = new InstancePool<NonceBlock>(() => new NonceBlock(_nonceBlockKey));
    }

    /// <summary>Generation of the root key that the session's keys come from.</summary>
    public ushort Generation { get; }

    /// <summary>The session's cipher.</summary>
    public CipherSuite Suite { get; }

    /// <summary>The session's 32-byte salt: public, needed by readers.</summary>
    public ReadOnlySpan<byte> Salt => _salt;

    /// <summary>What readers need to open this session's envelopes.</summary>
    public SessionIdentity Identity => new(Generation, Suite, _salt);

    internal ulong DataReference => _data.Reference;

    internal ulong MetaReference => _meta.Reference;

    /// <summary>Starts a session for writing: the current generation of root key and a fresh random salt.</summary>
    public static EnvelopeCipher CreateSession(RootKeys keys, ReadOnlySpan<byte> repositoryId, CipherSuite suite)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var salt = RandomNumberGenerator.GetBytes(RootKeys.SaltLength);
        return new EnvelopeCipher(keys, new SessionIdentity(keys.CurrentGeneration, suite, salt), repositoryId, canSeal: true);
    }

    /// <summary>Opens an existing session for reading. Such an instance never seals, since it cannot know which counters are used.</summary>
    /// <exception cref="KeyNotFoundException">There is no root key of the session's generation.</exception>
    public static EnvelopeCipher OpenSession(RootKeys keys, ReadOnlySpan<byte> repositoryId, SessionIdentity session) =>
        new(keys, session, repositoryId, canSeal: false);

    /// <summary>Seals one envelope and returns its length: the payload's plus <see cref="Overhead"/>.</summary>
    /// <param name="type">What the content is; decides on the key.</param>
    /// <param name="compressed">Whether the payload is one zstd frame.</param>
    /// <param name="plainLength">Length of the content in bytes once decompressed.</param>
    /// <param name="payload">Either apart from the destination, or exactly at its <see cref="PayloadOffset"/>.</param>
    /// <param name="associatedData">What must be given again to open, up to 256 bytes: where the envelope belongs.</param>
    /// <param name="destination">At least the payload's length plus <see cref="Overhead"/>.</param>
    /// <exception cref="SessionExhaustedException">The session has sealed all that it may; nothing was sealed.</exception>
    public int Seal(
        EnvelopeType type, bool compressed, uint plainLength, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        if (!_canSeal)
            throw new InvalidOperationException("a session opened for reading cannot seal: its used counters are not known");
        if (!Enum.IsDefined(type))
            throw new ArgumentOutOfRangeException(nameof(type), type, "unknown envelope type");
        if (destination.Length - Overhead < payload.Length)
            throw new ArgumentException($"the envelope takes {payload.Length + Overhead} bytes, the destination has {destination.Length}", nameof(destination));

        Span<byte> inner = destination.Slice(NonceBlock.Length, InnerHeaderLength + payload.Length);
        payload.CopyTo(inner[InnerHeaderLength..]);
        inner[0] = (byte)type;
        inner[1] = compressed ? (byte)1 : (byte)0;
        inner[2] = 0;
        inner[3] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(inner[4..], plainLength);

        Span<byte> boundData = stackalloc byte[RepositoryIdLength + MaxAssociatedDataLength];
        boundData = BindToRepository(associatedData, boundData);
        SessionKeyCipher key = KeyFor(type);
        var counter = key.Seal(inner, destination.Slice(NonceBlock.Length + inner.Length, AeadInstance.TagLength), boundData);

        NonceBlock block = _nonceBlocks.Rent();
        try
        {
            block.Seal(key.Reference, counter, destination);
        }
        finally
        {
            _nonceBlocks.Return(block);
        }

        return payload.Length + Overhead;
    }

    /// <summary>Opens one envelope of this session. The payload follows the inner header: <see cref="OpenedEnvelope.Payload"/>.</summary>
    /// <param name="envelope">Exactly one envelope.</param>
    /// <param name="associatedData">What was given to seal it.</param>
    /// <param name="destination">At least the envelope's length less 32. Apart from the envelope.</param>
    /// <exception cref="EnvelopeException">It cannot be opened; the content of <paramref name="destination"/> is then void.</exception>
    public OpenedEnvelope Open(ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        if (envelope.Length < Overhead)
            throw new EnvelopeException(EnvelopeFailure.Truncated);
        NonceBlock block = _nonceBlocks.Rent();
        ulong reference;
        ulong counter;
        try
        {
            (reference, counter) = block.Open(envelope);
        }
        finally
        {
            _nonceBlocks.Return(block);
        }

        return Open(reference, counter, envelope, associatedData, destination);
    }

    /// <summary>Zeroes the session's keys.</summary>
    public void Dispose()
    {
        _data.Dispose();
        _meta.Dispose();
        _nonceBlocks.Dispose();
        CryptographicOperations.ZeroMemory(_nonceBlockKey);
    }

    internal OpenedEnvelope Open(
        ulong reference, ulong counter, ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        SessionKeyCipher key = reference == _data.Reference ? _data
            : reference == _meta.Reference ? _meta
            : throw new EnvelopeException(EnvelopeFailure.UnknownSession);
        ReadOnlySpan<byte> ciphertext = envelope[NonceBlock.Length..^AeadInstance.TagLength];
        if (destination.Length < ciphertext.Length)
            throw new ArgumentException($"opening takes {ciphertext.Length} bytes, the destination has {destination.Length}", nameof(destination));

        Span<byte> boundData = stackalloc byte[RepositoryIdLength + MaxAssociatedDataLength];
        boundData = BindToRepository(associatedData, boundData);
        Span<byte> inner = destination[..ciphertext.Length];
        key.Open(counter, ciphertext, envelope[^AeadInstance.TagLength..], inner, boundData);

        var type = (EnvelopeType)inner[0];
        var plainLength = BinaryPrimitives.ReadUInt32LittleEndian(inner[4..]);
        var compressed = inner[1] == 1;
        if (!Enum.IsDefined(type) || KeyFor(type) != key || inner[1] > 1 || inner[2] != 0 || inner[3] != 0
            || (!compressed && plainLength != inner.Length - InnerHeaderLength))
            throw new EnvelopeException(EnvelopeFailure.InvalidHeader);
        return new OpenedEnvelope(type, compressed, plainLength, inner.Length - InnerHeaderLength);
    }

    private SessionKeyCipher KeyFor(EnvelopeType type) => type <= EnvelopeType.ListChunk ? _data : _meta;

    private Span<byte> BindToRepository(ReadOnlySpan<byte> associatedData, Span<byte> buffer)
    {
        if (associatedData.Length > MaxAssociatedDataLength)
            throw new ArgumentException($"associated data has {associatedData.Length} bytes, more than {MaxAssociatedDataLength}", nameof(associatedData));
        _repositoryId.CopyTo(buffer);
        associatedData.CopyTo(buffer[RepositoryIdLength..]);
        return buffer[..(RepositoryIdLength + associatedData.Length)];
    }
}
