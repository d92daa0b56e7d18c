using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Stores.Locations;

/// <summary>The Secret with the key of a cluster's repositories, free of Kubernetes types.</summary>
public static class RepositoryCredentials
{
    /// <summary>Name of the Secret, in the namespace of the server; Velero's.</summary>
    public const string SecretName = "velero-repo-credentials";

    /// <summary>Entry with a key as <see cref="RepositorySecret.FromKeyFile"/> takes it; comes before the passphrase.</summary>
    public const string KeyEntry = "repository-key";

    /// <summary>Entry with a passphrase, as Velero has it.</summary>
    public const string PasswordEntry = "repository-password";

    /// <summary>Reads the Secret's data. The caller disposes the result.</summary>
    /// <param name="entry">The base64 text of an entry; null when there is none.</param>
    /// <exception cref="LocationException">There is neither entry, or the one that counts cannot be used; the message names it.</exception>
    public static RepositorySecret Read(Func<string, string?> entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry(KeyEntry) is { } key) return Read(KeyEntry, key, content => RepositorySecret.FromKeyFile(content));
        if (entry(PasswordEntry) is { } password) return Read(PasswordEntry, password, content => RepositorySecret.FromPassphrase(content));
        throw new LocationException($"Secret {SecretName} has neither an entry {KeyEntry} nor {PasswordEntry}: put there what the cluster that made the repository has");
    }

    /// <summary>A random key for <see cref="KeyEntry"/>, in the base64 of a Secret's data: hexadecimal digits, so that the entry survives copying by hand.</summary>
    public static string NewKeyEntry() => Convert.ToBase64String(Encoding.ASCII.GetBytes(RandomNumberGenerator.GetHexString(2 * RepositorySecret.KeyLength, lowercase: true)));

    private static RepositorySecret Read(string name, string text, Func<byte[], RepositorySecret> make)
    {
        try
        {
            return make(Convert.FromBase64String(text));
        }
        catch (FormatException)
        {
            throw new LocationException($"Secret {SecretName}, entry {name}: it is no base64");
        }
        catch (InvalidDataException e)
        {
            throw new LocationException($"Secret {SecretName}, entry {name}: {e.Message}");
        }
    }
}
