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
        // Objects that a secret of this kind does not open, those for the other kind, and what is wrong with the rest.
        var refused = new List<string>();
        var others = 0;
        var problems = new List<string>();
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
        contents.Sort((a, b) =>
            KeyObject.GenerationsOf(b.Content).CompareTo(KeyObject.GenerationsOf(a.Content)) is not 0 and var order ? order : string.CompareOrdinal(a.Key, b.Key));
        foreach (var (key, content) in contents)
        {
            try
            {
                return (KeyObject.Open(key, content, config.RepositoryId, secret), key[KeyObject.Prefix.Length..]);
            }
            catch (KeyUnwrapException exception) when (exception.Failure == KeyUnwrapFailure.WrongSecret)
            {
                refused.Add(key);
            }
            catch (KeyUnwrapException exception) when (exception.Failure == KeyUnwrapFailure.OtherKind)
            {
                others++;
            }
            catch (Exception exception) when (exception is KeyUnwrapException or InsufficientMemoryException)
            {
                problems.Add($"{key}: {exception.Message}");
            }
            catch (RepositoryFormatException exception)
            {
                problems.Add(exception.Message);
            }
        }

        if (unread is not null) throw unread;
        throw new WrongKeyException(contents.Count == 0
            ? $"the repository at {store.Location} has no key objects: restore keys/ from a copy"
            : $"the {NameOf(secret.Kind)} does not open the repository at {store.Location}: {Reason(secret.Kind, refused, others, problems)}");
    }

    /// <summary>A repository may have any number of keys: they are counted, not listed.</summary>
    private static string Reason(RepositorySecretKind kind, List<string> refused, int others, List<string> problems)
    {
        var other = NameOf(kind == RepositorySecretKind.Passphrase ? RepositorySecretKind.RawKey : RepositorySecretKind.Passphrase);
        var damage = problems.Count > 1 ? $"{problems[0]}; and {problems.Count - 1} more of its key objects cannot be used" : problems.FirstOrDefault();
        return refused.Count switch
        {
            0 when damage is not null => damage,
            0 => $"it opens with a {other} only (give {(others == 1 ? "that" : "one of those")})",
            // Whether it is the secret or the object cannot be told.
            1 => $"it is another one, or {refused[0]} is damaged{(damage is null ? "" : $"; {damage}")} (give the one that it was made with)",
            _ => $"it is none of the {refused.Count} that do{(damage is null ? "" : $"; {damage}")} (give one of those)",
        };
    }

    private static string NameOf(RepositorySecretKind kind) => kind == RepositorySecretKind.Passphrase ? "passphrase" : "key";
}
