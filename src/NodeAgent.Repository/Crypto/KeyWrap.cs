using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>Encrypts root keys under a secret, for a key object, and decrypts them again.</summary>
/// <remarks>
/// <code>
/// offset   size  field                                            (integers little-endian)
/// 0        1     version, 1
/// 1        1     kind of secret: 1 raw key, 2 passphrase (Argon2id)
/// 2        2     zero
/// 4        4     Argon2id memory in KiB     (0 for a raw key)
/// 8        4     Argon2id passes            (0 for a raw key)
/// 12       4     Argon2id lanes             (0 for a raw key)
/// 16       32    salt
/// 48       12    nonce
/// 60       n     root keys, serialized, encrypted by AES-256-GCM
/// 60 + n   16    tag
/// </code>
/// Wrapping key = BLAKE3 derive-key("NodeAgent 2026 repository v1 raw key wrap", key || salt), or Argon2id(passphrase, salt).
/// Associated data = bytes 0 to 47, then what the caller gives. Salt and nonce are random.
/// </remarks>
public static class KeyWrap
{
    internal const int HeaderLength = 48;

    private const byte Version = 1;
    private const int SaltOffset = 16;
    private const int SaltLength = 32;
    private const int TextOffset = HeaderLength + AeadInstance.NonceLength;
    private const int FixedLength = TextOffset + AeadInstance.TagLength;
    private const int MaxLength = FixedLength + RootKeys.MaxSerializedLength;

    /// <summary>How many bytes <see cref="Wrap"/> returns.</summary>
    public static int LengthOf(RootKeys keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return FixedLength + keys.SerializedLength;
    }

    /// <summary>Wraps the keys. A passphrase costs what <paramref name="parameters"/> says; a raw key ignores them.</summary>
    /// <exception cref="DllNotFoundException">The secret is a passphrase and libargon2 is not installed.</exception>
    public static byte[] Wrap(RootKeys keys, RepositorySecret secret, ReadOnlySpan<byte> associatedData, Argon2Parameters? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(secret);
        Argon2Parameters cost = secret.Kind == RepositorySecretKind.Passphrase ? parameters ?? Argon2Parameters.Default : default;

        var wrap = new byte[FixedLength + keys.SerializedLength];
        wrap[0] = Version;
        wrap[1] = (byte)secret.Kind;
        BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(4), cost.MemoryKib);
        BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(8), cost.Iterations);
        BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(12), cost.Parallelism);
        RandomNumberGenerator.Fill(wrap.AsSpan(SaltOffset, SaltLength + AeadInstance.NonceLength));

        Span<byte> wrappingKey = stackalloc byte[RootKeys.KeyLength];
        var serialized = GC.AllocateArray<byte>(keys.SerializedLength, pinned: true);
        try
        {
            secret.DeriveWrappingKey(wrap.AsSpan(SaltOffset, SaltLength), cost, wrappingKey);
            keys.Serialize(serialized);
            using var gcm = new AesGcm(wrappingKey, AeadInstance.TagLength);
            gcm.Encrypt(
                wrap.AsSpan(HeaderLength, AeadInstance.NonceLength), serialized, wrap.AsSpan(TextOffset, serialized.Length),
                wrap.AsSpan(TextOffset + serialized.Length), BindHeader(wrap, associatedData));
            return wrap;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(wrappingKey);
            CryptographicOperations.ZeroMemory(serialized);
        }
    }

    /// <summary>Which kind of secret a wrap is for, before any work is done; null when it is not a wrap of a known version.</summary>
    public static RepositorySecretKind? KindOf(ReadOnlySpan<byte> wrap) => IsWellFormed(wrap) ? (RepositorySecretKind)wrap[1] : null;

    /// <summary>How many root keys a wrap holds, by its length; 0 when it is not a wrap of a known version.</summary>
    public static int GenerationsOf(ReadOnlySpan<byte> wrap) => IsWellFormed(wrap) ? RootKeys.CountOf(wrap.Length - FixedLength) : 0;

    /// <summary>Unwraps the keys. The caller disposes them.</summary>
    /// <exception cref="KeyUnwrapException">They cannot be unwrapped. The cost is checked before any memory is taken for it.</exception>
    /// <exception cref="DllNotFoundException">The secret is a passphrase and libargon2 is not installed.</exception>
    /// <exception cref="InsufficientMemoryException">The memory that the passphrase's cost asks for cannot be had.</exception>
    public static RootKeys Unwrap(ReadOnlySpan<byte> wrap, RepositorySecret secret, ReadOnlySpan<byte> associatedData)
    {
        ArgumentNullException.ThrowIfNull(secret);
        if (!IsWellFormed(wrap))
            throw new KeyUnwrapException(KeyUnwrapFailure.Malformed);
        if (wrap[1] != (byte)secret.Kind)
            throw new KeyUnwrapException(KeyUnwrapFailure.OtherKind);
        var cost = new Argon2Parameters(
            BinaryPrimitives.ReadUInt32LittleEndian(wrap[4..]),
            BinaryPrimitives.ReadUInt32LittleEndian(wrap[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(wrap[12..]));
        if (secret.Kind == RepositorySecretKind.Passphrase ? !cost.IsWithinBounds : cost != default)
            throw new KeyUnwrapException(KeyUnwrapFailure.CostOutOfBounds);

        Span<byte> wrappingKey = stackalloc byte[RootKeys.KeyLength];
        var serialized = GC.AllocateArray<byte>(wrap.Length - FixedLength, pinned: true);
        try
        {
            secret.DeriveWrappingKey(wrap.Slice(SaltOffset, SaltLength), cost, wrappingKey);
            using var gcm = new AesGcm(wrappingKey, AeadInstance.TagLength);
            gcm.Decrypt(
                wrap.Slice(HeaderLength, AeadInstance.NonceLength), wrap.Slice(TextOffset, serialized.Length),
                wrap[^AeadInstance.TagLength..], serialized, BindHeader(wrap, associatedData));
            return RootKeys.Parse(serialized);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new KeyUnwrapException(KeyUnwrapFailure.WrongSecret);
        }
        catch (InvalidDataException)
        {
            throw new KeyUnwrapException(KeyUnwrapFailure.Malformed);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(wrappingKey);
            CryptographicOperations.ZeroMemory(serialized);
        }
    }

    private static bool IsWellFormed(ReadOnlySpan<byte> wrap) =>
        wrap.Length is >= FixedLength and <= MaxLength
        && wrap[0] == Version && wrap[1] is 1 or 2 && wrap[2] == 0 && wrap[3] == 0;

    private static byte[] BindHeader(ReadOnlySpan<byte> wrap, ReadOnlySpan<byte> associatedData)
    {
        var bound = new byte[HeaderLength + associatedData.Length];
        wrap[..HeaderLength].CopyTo(bound);
        associatedData.CopyTo(bound.AsSpan(HeaderLength));
        return bound;
    }
}
