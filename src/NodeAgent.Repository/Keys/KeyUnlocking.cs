using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Keys;

/// <summary>Finds the key object that a secret opens.</summary>
internal static class KeyUnlocking
{
    /// <summary>
    /// The root keys, and the name of the object that they came from. Of several objects that a secret opens, the one with the most generations counts: one with
    /// fewer was left by a rotation that was stopped.
    /// </summary>
    /// <exception cref="WrongKeyException">The secret opens none.</exception>
    public static async Task<(RootKeys Keys, string Id)> UnlockAsync(IObjectStore store, RepositoryConfig config, RepositorySecret secret, CancellationToken cancellationToken)
    {
        var refused = new List<string>();
        StoreException? unread = null;
        var contents = new List<(string Key, byte[] Content)>();
        await foreach (var entry in store.ListAsync(KeyObject.Prefix, cancellationToken))
        {
            try
            {
                contents.Add((entry.Key, await store.ReadAllAsync(entry.Key, KeyObject.MaxLength, cancellationToken)));
            }
            catch (StoreException exception)
            {
                // Another one may open it; if none does, the secret is not to blame.
                unread = exception;
            }
        }

        // The number of generations shows in the length: no work is done for those that come later.
        foreach (var (key, content) in contents.OrderByDescending(c => KeyObject.GenerationsOf(c.Content)).ThenBy(c => c.Key, StringComparer.Ordinal))
        {
            try
            {
                return (KeyObject.Open(key, content, config.RepositoryId, secret), key[KeyObject.Prefix.Length..]);
            }
            catch (Exception exception) when (exception is KeyUnwrapException or InsufficientMemoryException)
            {
                refused.Add($"{key}: {exception.Message}");
            }
            catch (RepositoryFormatException exception)
            {
                refused.Add(exception.Message);
            }
        }

        if (unread is not null) throw unread;
        throw new WrongKeyException(refused.Count == 0
            ? $"the repository at {store.Location} has no key objects: restore keys/ from a copy"
            : $"the key does not open the repository at {store.Location}: {string.Join("; ", refused)}");
    }
}
