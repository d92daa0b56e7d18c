using System.Security.Cryptography;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Fuzzing;

/// <summary>Seals, with the right keys, inner headers that <see cref="EnvelopeCipher"/> would never write.</summary>
internal sealed class HostileSealer : IDisposable
{
    private readonly byte[] _repositoryId;
    private readonly SessionKeyCipher _data;
    private readonly SessionKeyCipher _meta;
    private readonly NonceBlock _nonceBlock;

    public HostileSealer(RootKeys keys, byte[] repositoryId)
    {
        _repositoryId = repositoryId;
        Identity = new SessionIdentity(keys.CurrentGeneration, CipherSuite.Aes256Gcm, RandomNumberGenerator.GetBytes(RootKeys.SaltLength));
        using var session = keys.DeriveSessionKeys(Identity.Generation, Identity.Salt.Span);
        _data = new SessionKeyCipher(Identity.Suite, session.DataKey, long.MaxValue, long.MaxValue);
        _meta = new SessionKeyCipher(Identity.Suite, session.MetaKey, long.MaxValue, long.MaxValue);
        _nonceBlock = new NonceBlock(keys.NonceBlockKey);
    }

    public SessionIdentity Identity { get; }

    /// <summary>An envelope that authenticates.</summary>
    /// <param name="inner">Inner header and payload, whatever they are.</param>
    /// <param name="associated">What the reader will give.</param>
    /// <param name="data">Under the key for chunks, else the one for everything else.</param>
    public byte[] Seal(byte[] inner, ReadOnlySpan<byte> associated, bool data)
    {
        var envelope = new byte[NonceBlock.Length + inner.Length + AeadInstance.TagLength];
        inner.CopyTo(envelope, NonceBlock.Length);
        var key = data ? _data : _meta;
        byte[] bound = [.. _repositoryId, .. associated];
        var counter = key.Seal(envelope.AsSpan(NonceBlock.Length, inner.Length), envelope.AsSpan(NonceBlock.Length + inner.Length), bound);
        _nonceBlock.Seal(key.Reference, counter, envelope);
        return envelope;
    }

    public void Dispose()
    {
        _data.Dispose();
        _meta.Dispose();
        _nonceBlock.Dispose();
    }
}
