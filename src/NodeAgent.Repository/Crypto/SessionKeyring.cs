using System.Collections.Concurrent;
using System.Security.Cryptography;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Crypto;

/// <summary>
/// Opens envelopes of any known session: finds the session by the reference in the envelope's first block. Thread-safe;
/// sessions can be added while others read.
/// </summary>
public sealed class SessionKeyring : IDisposable
{
    private volatile RootKeys _keys;
    private readonly byte[] _repositoryId;
    private readonly byte[] _nonceBlockKey;
    private readonly InstancePool<NonceBlock> _nonceBlocks;
    private readonly ConcurrentDictionary<ulong, EnvelopeCipher> _sessions = new();

    // Deriving keys to find that they are there costs microseconds, and an index asks for every pack.
    private readonly ConcurrentDictionary<(ushort Generation, CipherSuite Suite, ChunkId Salt), bool> _added = new();

    /// <param name="keys">Stays the caller's and must outlive the keyring.</param>
    /// <param name="repositoryId">16 bytes, copied.</param>
    public SessionKeyring(RootKeys keys, ReadOnlySpan<byte> repositoryId)
    {
        ArgumentNullException.ThrowIfNull(keys);
        _keys = keys;
        _repositoryId = repositoryId.ToArray();
        _nonceBlockKey = GC.AllocateArray<byte>(RootKeys.KeyLength, pinned: true);
        keys.NonceBlockKey.CopyTo(_nonceBlockKey);
        _nonceBlocks = new InstancePool<NonceBlock>(() => new NonceBlock(_nonceBlockKey));
    }

    /// <summary>From now on sessions are opened with other root keys: the same ones and newer ones. They stay the caller's, and so do the former, which must live on.</summary>
    public void Renew(RootKeys keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        _keys = keys;
    }

    /// <summary>Makes a session's envelopes readable. Adding it again changes nothing.</summary>
    /// <returns>False when there is no root key of its generation, so that its envelopes stay unreadable.</returns>
    public bool Add(SessionIdentity session)
    {
        if (!_keys.Contains(session.Generation))
            return false;
        var name = (session.Generation, session.Suite, new ChunkId(session.Salt.Span));
        if (_added.ContainsKey(name))
            return true;
        EnvelopeCipher cipher = EnvelopeCipher.OpenSession(_keys, _repositoryId, session);
        if (_sessions.TryAdd(cipher.DataReference, cipher))
            _sessions.TryAdd(cipher.MetaReference, cipher);
        else
            cipher.Dispose();
        _added.TryAdd(name, true);
        return true;
    }

    /// <summary>Whether the envelope that starts with these 16 bytes belongs to a known session.</summary>
    public bool Knows(ReadOnlySpan<byte> envelope) =>
        envelope.Length >= EnvelopeCipher.Overhead && _sessions.ContainsKey(Locate(envelope).SessionReference);

    /// <summary>As <see cref="EnvelopeCipher.Open(ReadOnlySpan{byte}, ReadOnlySpan{byte}, Span{byte})"/>, for any known session.</summary>
    /// <exception cref="EnvelopeException">It cannot be opened, or its session is not known.</exception>
    public OpenedEnvelope Open(ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        if (envelope.Length < EnvelopeCipher.Overhead)
            throw new EnvelopeException(EnvelopeFailure.Truncated);
        (ulong reference, ulong counter) = Locate(envelope);
        if (!_sessions.TryGetValue(reference, out EnvelopeCipher? cipher))
            throw new EnvelopeException(EnvelopeFailure.UnknownSession);
        return cipher.Open(reference, counter, envelope, associatedData, destination);
    }

    /// <summary>Zeroes the keys of all sessions.</summary>
    public void Dispose()
    {
        foreach (EnvelopeCipher cipher in _sessions.Values)
            cipher.Dispose();
        _sessions.Clear();
        _nonceBlocks.Dispose();
        CryptographicOperations.ZeroMemory(_nonceBlockKey);
    }

    private (ulong SessionReference, ulong Counter) Locate(ReadOnlySpan<byte> envelope)
    {
        NonceBlock block = _nonceBlocks.Rent();
        try
        {
            return block.Open(envelope);
        }
        finally
        {
            _nonceBlocks.Return(block);
        }
    }
}
