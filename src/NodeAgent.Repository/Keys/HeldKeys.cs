using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Keys;

/// <summary>
/// The root keys of an open repository and the secret that opens them, through rotations by this process and by others. Owns all that it ever held until it is
/// disposed: others may be at work with former keys. Thread-safe.
/// </summary>
internal sealed class HeldKeys : IDisposable
{
    /// <summary>How often the key objects are read again because something is sealed under a key that is not at hand: whoever can write to the store can make up any number of such objects.</summary>
    private const int MaxUnknownGenerations = 16;

    private readonly IObjectStore _store;
    private readonly RepositoryConfig _config;
    private readonly SemaphoreSlim _renew = new(1);
    private readonly HashSet<ushort> _unknownGenerations = [];
    private readonly List<IDisposable> _held;

    /// <param name="store">Where the key objects are.</param>
    /// <param name="config">Of the repository.</param>
    /// <param name="keys">What was opened. Taken over.</param>
    /// <param name="secret">What opened it. Copied.</param>
    /// <param name="keyId">The key object that was opened.</param>
    public HeldKeys(IObjectStore store, RepositoryConfig config, RootKeys keys, RepositorySecret secret, string keyId)
    {
        (_store, _config, RootKeys, KeyId) = (store, config, keys, keyId);
        // Kept for the day on which another process rotates the root keys.
        Secret = secret.Copy();
        Keyring = new SessionKeyring(keys, config.RepositoryId);
        _held = [Keyring, RootKeys, Secret];
    }

    /// <summary>All root keys that are known now.</summary>
    public RootKeys RootKeys { get; private set; }

    /// <summary>What the repository is opened with.</summary>
    public RepositorySecret Secret { get; private set; }

    /// <summary>The key object that was opened.</summary>
    public string KeyId { get; private set; }

    /// <summary>The sessions whose envelopes can be read, by these root keys.</summary>
    public SessionKeyring Keyring { get; }

    /// <summary>
    /// Has the root key at hand that an object was sealed under: when it is of a generation that is not, the keys were rotated while this process ran,
    /// and the key objects are read again. When that does not help, opening the object says so.
    /// </summary>
    /// <param name="content">The object, or as much of it as its header.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async ValueTask LearnGenerationAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (content.Length < ObjectHeader.Length) return;
        var generation = BinaryPrimitives.ReadUInt16LittleEndian(content.Span[ObjectHeader.GenerationOffset..]);
        if (RootKeys.Contains(generation)) return;
        await _renew.WaitAsync(cancellationToken);
        try
        {
            // Others that met such an object meanwhile have waited for the answer.
            if (RootKeys.Contains(generation) || _unknownGenerations.Count == MaxUnknownGenerations || !_unknownGenerations.Add(generation)) return;
            await ReadAgainAsync(cancellationToken);
            if (RootKeys.Contains(generation)) _unknownGenerations.Clear();
        }
        finally
        {
            _renew.Release();
        }
    }

    /// <summary>Reads the key objects again, and takes over root keys that came since.</summary>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        await _renew.WaitAsync(cancellationToken);
        try
        {
            await ReadAgainAsync(cancellationToken);
        }
        finally
        {
            _renew.Release();
        }
    }

    /// <summary>Goes on with other keys: those that there were and newer ones (null: the same), and with the secret that opens them. Both are copied.</summary>
    public void Adopt(RootKeys? keys, RepositorySecret secret, string keyId)
    {
        // The former ones may be in use by others at this moment: they live as long as the repository.
        if (keys is not null)
        {
            var copy = keys.Copy();
            _held.Add(copy);
            // Before they are seen to be there: who finds them opens what was sealed under them.
            Keyring.Renew(copy);
            RootKeys = copy;
        }

        if (secret != Secret)
        {
            Secret = secret.Copy();
            _held.Add(Secret);
        }

        KeyId = keyId;
    }

    public void Dispose()
    {
        foreach (var held in _held) held.Dispose();
        _renew.Dispose();
    }

    private async Task ReadAgainAsync(CancellationToken cancellationToken)
    {
        try
        {
            var (keys, id) = await KeyUnlocking.UnlockAsync(_store, _config, Secret, cancellationToken);
            using (keys)
            {
                if (keys.Generations.Count > RootKeys.Generations.Count) Adopt(keys, Secret, id);
            }
        }
        catch (WrongKeyException)
        {
            // This key was removed. What is known stays known.
        }
    }
}
