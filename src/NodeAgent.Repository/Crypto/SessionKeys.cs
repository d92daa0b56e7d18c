using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>The two keys of one session: for chunks, and for everything else. Zeroed by Dispose.</summary>
public sealed class SessionKeys : IDisposable
{
    private readonly byte[] _keys = GC.AllocateArray<byte>(2 * RootKeys.KeyLength, pinned: true);
    private bool _disposed;

    internal SessionKeys(string contextPrefix, ReadOnlySpan<byte> material)
    {
        KeyDerivation.Derive(contextPrefix + "session data key", material, _keys.AsSpan(0, RootKeys.KeyLength));
        KeyDerivation.Derive(contextPrefix + "session meta key", material, _keys.AsSpan(RootKeys.KeyLength));
    }

    /// <summary>Encrypts chunks.</summary>
    public ReadOnlySpan<byte> DataKey => Key(0);

    /// <summary>Encrypts footers, index segments, snapshots and records.</summary>
    public ReadOnlySpan<byte> MetaKey => Key(1);

    /// <summary>Zeroes the keys.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_keys);
    }

    private ReadOnlySpan<byte> Key(int index)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _keys.AsSpan(index * RootKeys.KeyLength, RootKeys.KeyLength);
    }
}
