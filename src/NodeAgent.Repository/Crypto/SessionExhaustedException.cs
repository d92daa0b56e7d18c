namespace NodeAgent.Repository.Crypto;

/// <summary>A session key has encrypted as much as is safe. Nothing was sealed: start a new session and seal there.</summary>
public sealed class SessionExhaustedException : Exception
{
    public SessionExhaustedException()
        : base($"the session key has sealed its limit of 2^32 envelopes or {EnvelopeCipher.MaxSealedBytes >> 40} TiB; a new session is needed")
    {
    }
}
