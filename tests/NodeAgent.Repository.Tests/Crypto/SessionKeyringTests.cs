using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class SessionKeyringTests : IDisposable
{
    private static readonly byte[] RepositoryId = new byte[16];

    private readonly RootKeys _keys = RootKeys.Create();

    [Fact]
    public void Envelopes_of_all_added_sessions_and_generations_open()
    {
        using RootKeys rotated = _keys.WithNewGeneration();
        using EnvelopeCipher old = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        using EnvelopeCipher young = EnvelopeCipher.CreateSession(rotated, RepositoryId, CipherSuiteSelection.Preferred);
        Assert.Equal((0, 1), (old.Generation, young.Generation));

        using var keyring = new SessionKeyring(rotated, RepositoryId);
        Assert.True(keyring.Add(old.Identity));
        Assert.True(keyring.Add(old.Identity));
        Assert.True(keyring.Add(young.Identity));
        foreach (EnvelopeCipher cipher in new[] { old, young })
        {
            foreach (EnvelopeType type in new[] { EnvelopeType.ListChunk, EnvelopeType.GcRecord })
            {
                var envelope = new byte[3 + EnvelopeCipher.Overhead];
                cipher.Seal(type, false, 3, "abc"u8, [], envelope);
                Assert.True(keyring.Knows(envelope));
                Assert.Equal(type, keyring.Open(envelope, [], new byte[11]).Type);
            }
        }
    }

    [Fact]
    public void An_unknown_session_is_told_apart_from_damage()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        using var keyring = new SessionKeyring(_keys, RepositoryId);
        var envelope = new byte[3 + EnvelopeCipher.Overhead];
        cipher.Seal(EnvelopeType.DataChunk, false, 3, "abc"u8, [], envelope);
        Assert.False(keyring.Knows(envelope));
        Assert.Equal(EnvelopeFailure.UnknownSession, Assert.Throws<EnvelopeException>(() => keyring.Open(envelope, [], new byte[11])).Failure);

        keyring.Add(cipher.Identity);
        Assert.Equal(EnvelopeType.DataChunk, keyring.Open(envelope, [], new byte[11]).Type);
        envelope[^1]++;
        Assert.Equal(EnvelopeFailure.NotAuthentic, Assert.Throws<EnvelopeException>(() => keyring.Open(envelope, [], new byte[11])).Failure);
        Assert.Equal(EnvelopeFailure.Truncated, Assert.Throws<EnvelopeException>(() => keyring.Open(new byte[39], [], new byte[11])).Failure);
    }

    [Fact]
    public void A_session_of_a_generation_without_key_is_not_added()
    {
        using RootKeys rotated = _keys.WithNewGeneration();
        using EnvelopeCipher young = EnvelopeCipher.CreateSession(rotated, RepositoryId, CipherSuite.Aes256Gcm);
        using var keyring = new SessionKeyring(_keys, RepositoryId);
        Assert.False(keyring.Add(young.Identity));
        Assert.Throws<KeyNotFoundException>(() => EnvelopeCipher.OpenSession(_keys, RepositoryId, young.Identity));
    }

    public void Dispose() => _keys.Dispose();
}
