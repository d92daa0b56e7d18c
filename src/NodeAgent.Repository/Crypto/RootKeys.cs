using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>
/// A repository's root keys, one per generation, and what is derived from them. Thread-safe. Zeroed by Dispose; spans
/// handed out are void after it.
/// </summary>
/// <remarks>
/// Chunk ids, chunk boundaries and the envelope's first block hang on generation 0 for ever, since a change would end
/// deduplication. What encrypts content hangs on the newest generation.
/// <code>
/// offset  size  field                       (all integers little-endian)
/// 0       2     count, 1 to 1024
/// 2       34    count times: u16 generation (strictly ascending, the first is 0), 32 bytes of root key
/// </code>
/// </remarks>
public sealed class RootKeys : IDisposable
{
    /// <summary>Length of each key in bytes.</summary>
    public const int KeyLength = 32;

    /// <summary>Length in bytes of the salt that makes a session's keys its own.</summary>
    public const int SaltLength = 32;

    /// <summary>How many generations there can be: bounds what a hostile key object can ask for.</summary>
    public const int MaxGenerations = 1024;

    internal const int MaxSerializedLength = 2 + (MaxGenerations * EntryLength);

    private const string Prefix = "NodeAgent 2026 repository v1 ";
    private const int EntryLength = 2 + KeyLength;

    private readonly ushort[] _generations;

    // Pinned, so that the collector leaves no copies behind that zeroing would miss.
    private readonly byte[] _keys;
    private readonly byte[] _derived;
    private bool _disposed;

    private RootKeys(ushort[] generations, ReadOnlySpan<byte> keys)
    {
        _generations = generations;
        _keys = GC.AllocateArray<byte>(keys.Length, pinned: true);
        keys.CopyTo(_keys);
        _derived = GC.AllocateArray<byte>(7 * KeyLength, pinned: true);
        DeriveFromFirst(0, "data chunk id");
        DeriveFromFirst(1, "tree chunk id");
        DeriveFromFirst(2, "list chunk id");
        DeriveFromFirst(3, "chunker");
        DeriveFromFirst(4, "nonce block");
        DeriveFromFirst(5, "config mac");
        DeriveFromFirst(6, "index cache");
    }

    /// <summary>The generations at hand, ascending.</summary>
    public IReadOnlyList<ushort> Generations => _generations;

    /// <summary>The generation that new sessions use.</summary>
    public ushort CurrentGeneration => _generations[^1];

    /// <summary>Keys the ids of chunks of file data.</summary>
    public ReadOnlySpan<byte> DataChunkIdKey => Derived(0);

    /// <summary>Keys the ids of chunks of directory records.</summary>
    public ReadOnlySpan<byte> TreeChunkIdKey => Derived(1);

    /// <summary>Keys the ids of chunk lists.</summary>
    public ReadOnlySpan<byte> ListChunkIdKey => Derived(2);

    /// <summary>What the gear table is derived from.</summary>
    public ReadOnlySpan<byte> ChunkerKey => Derived(3);

    /// <summary>Encrypts the first block of envelopes.</summary>
    public ReadOnlySpan<byte> NonceBlockKey => Derived(4);

    /// <summary>Authenticates the config object.</summary>
    public ReadOnlySpan<byte> ConfigMacKey => Derived(5);

    /// <summary>Keys the checksums of the index that a client keeps for itself; nothing in the store hangs on it.</summary>
    public ReadOnlySpan<byte> IndexCacheKey => Derived(6);

    /// <summary>Length in bytes of the serialized form.</summary>
    public int SerializedLength => 2 + (_generations.Length * EntryLength);

    /// <summary>How many keys a serialized form of a length holds; 0 for a length that none has.</summary>
    internal static int CountOf(int serializedLength) => serializedLength > 2 && (serializedLength - 2) % EntryLength == 0 ? (serializedLength - 2) / EntryLength : 0;

    /// <summary>A copy with a life of its own.</summary>
    internal RootKeys Copy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new RootKeys([.. _generations], _keys);
    }

    /// <summary>Makes the random key of generation 0 of a new repository.</summary>
    public static RootKeys Create()
    {
        Span<byte> key = stackalloc byte[KeyLength];
        RandomNumberGenerator.Fill(key);
        try
        {
            return new RootKeys([0], key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Reads the serialized form; the input is copied.</summary>
    /// <exception cref="InvalidDataException">The input is not exactly what <see cref="Serialize"/> writes.</exception>
    public static RootKeys Parse(ReadOnlySpan<byte> serialized)
    {
        var count = serialized.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(serialized);
        if (count is < 1 or > MaxGenerations || serialized.Length != 2 + (count * EntryLength))
            throw new InvalidDataException($"root keys: {serialized.Length} bytes do not hold {count} keys (1 to {MaxGenerations})");

        var generations = new ushort[count];
        var keys = GC.AllocateArray<byte>(count * KeyLength, pinned: true);
        try
        {
            for (var i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> entry = serialized.Slice(2 + (i * EntryLength), EntryLength);
                generations[i] = BinaryPrimitives.ReadUInt16LittleEndian(entry);
                if (i == 0 ? generations[i] != 0 : generations[i] <= generations[i - 1])
                    throw new InvalidDataException("root keys: generations must start at 0 and ascend");
                entry[2..].CopyTo(keys.AsSpan(i * KeyLength));
            }

            return new RootKeys(generations, keys);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keys);
        }
    }

    /// <summary>Returns these keys and a random one of the next generation: the first step of a rotation.</summary>
    /// <exception cref="InvalidOperationException">All generations are used up.</exception>
    public RootKeys WithNewGeneration()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_generations.Length == MaxGenerations || CurrentGeneration == ushort.MaxValue)
            throw new InvalidOperationException($"the repository has used all {MaxGenerations} generations of root keys");
        var keys = GC.AllocateArray<byte>(_keys.Length + KeyLength, pinned: true);
        try
        {
            _keys.CopyTo(keys, 0);
            RandomNumberGenerator.Fill(keys.AsSpan(_keys.Length));
            return new RootKeys([.. _generations, (ushort)(CurrentGeneration + 1)], keys);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keys);
        }
    }

    /// <summary>Writes the secret serialized form. The caller zeroes it.</summary>
    /// <param name="destination">Exactly <see cref="SerializedLength"/> bytes.</param>
    public void Serialize(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (destination.Length != SerializedLength)
            throw new ArgumentException($"root keys take {SerializedLength} bytes, not {destination.Length}", nameof(destination));
        BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)_generations.Length);
        for (var i = 0; i < _generations.Length; i++)
        {
            Span<byte> entry = destination.Slice(2 + (i * EntryLength), EntryLength);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, _generations[i]);
            _keys.AsSpan(i * KeyLength, KeyLength).CopyTo(entry[2..]);
        }
    }

    /// <summary>Whether there is a root key of this generation.</summary>
    public bool Contains(ushort generation) => Array.BinarySearch(_generations, generation) >= 0;

    /// <summary>Derives the two keys of a session. The caller disposes them.</summary>
    /// <exception cref="KeyNotFoundException">There is no root key of this generation.</exception>
    public SessionKeys DeriveSessionKeys(ushort generation, ReadOnlySpan<byte> salt)
    {
        Span<byte> material = stackalloc byte[KeyLength + SaltLength];
        try
        {
            WriteMaterial(generation, salt, material);
            return new SessionKeys(Prefix, material);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }
    }

    /// <summary>Derives the key of a file outside the repository that is sealed with its keys.</summary>
    /// <exception cref="KeyNotFoundException">There is no root key of this generation.</exception>
    internal void DeriveSealedFileKey(ushort generation, ReadOnlySpan<byte> salt, Span<byte> key)
    {
        Span<byte> material = stackalloc byte[KeyLength + SaltLength];
        try
        {
            WriteMaterial(generation, salt, material);
            KeyDerivation.Derive(Prefix + "sealed file key", material, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }
    }

    /// <summary>Zeroes all keys.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_keys);
        CryptographicOperations.ZeroMemory(_derived);
    }

    /// <summary>The root key of a generation and a salt, one after the other.</summary>
    private void WriteMaterial(ushort generation, ReadOnlySpan<byte> salt, Span<byte> material)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (salt.Length != SaltLength)
            throw new ArgumentException($"a session salt has {SaltLength} bytes, not {salt.Length}", nameof(salt));
        var index = Array.BinarySearch(_generations, generation);
        if (index < 0)
            throw new KeyNotFoundException($"the key object holds no root key of generation {generation}; unlock the repository with a key object made since the rotation");
        _keys.AsSpan(index * KeyLength, KeyLength).CopyTo(material);
        salt.CopyTo(material[KeyLength..]);
    }

    private void DeriveFromFirst(int slot, string purpose) =>
        KeyDerivation.Derive(Prefix + purpose, _keys.AsSpan(0, KeyLength), _derived.AsSpan(slot * KeyLength, KeyLength));

    private ReadOnlySpan<byte> Derived(int slot)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _derived.AsSpan(slot * KeyLength, KeyLength);
    }
}
