using System.Text;

namespace NodeAgent.Stores.Locations;

/// <summary>Reads what a location's description takes from Secrets, free of Kubernetes types.</summary>
/// <param name="ns">Namespace of the Secrets, for messages.</param>
/// <param name="find">The entries of the named Secret in base64; null when there is none of that name.</param>
public sealed class LocationSecrets(string ns, Func<string, CancellationToken, Task<IReadOnlyDictionary<string, string>?>> find)
{
    private const string CustomerKeySecret = "customerKeyEncryptionSecret";

    /// <summary>
    /// Adds credentials, certificates and the customer's encryption key. Providers that are not reached over a network need none of
    /// them, and their Secrets are not looked at.
    /// </summary>
    /// <param name="bare">What the location itself says.</param>
    /// <param name="credential">Its <c>credential</c>.</param>
    /// <param name="caCert">Its <c>objectStorage.caCert</c>, in base64.</param>
    /// <param name="caCertRef">Its <c>objectStorage.caCertRef</c>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="LocationException">Something is named that is not there or cannot be read; the message says where.</exception>
    public async Task<LocationDescription> CompleteAsync(LocationDescription bare, SecretEntry? credential, string? caCert, SecretEntry? caCertRef, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(bare);
        if (caCert is not null && caCertRef is not null) throw new LocationException($"location {bare.Name}: spec.objectStorage: caCert and caCertRef exclude each other; keep one");
        if (!LocationProviders.IsRemote(bare.Provider)) return bare;
        var certificate = caCertRef is { } reference
            ? Encoding.UTF8.GetString(await ReadAsync(bare, "spec.objectStorage.caCertRef", reference, cancellationToken))
            : LocationProviders.DecodeCaCertificate(bare.Name, caCert);
        return bare with
        {
            CaCertificate = certificate,
            Credentials = credential is { } entry ? Encoding.UTF8.GetString(await ReadAsync(bare, "spec.credential", entry, cancellationToken)) : "",
            CustomerKey = await ReadCustomerKeyAsync(bare, cancellationToken),
        };
    }

    private async Task<ReadOnlyMemory<byte>> ReadCustomerKeyAsync(LocationDescription location, CancellationToken cancellationToken)
    {
        if (!location.Config.TryGetValue(CustomerKeySecret, out var text) || text.Length == 0) return default;
        if (text.Split('/') is not [{ Length: > 0 } secret, { Length: > 0 } key])
            throw new LocationException($"location {location.Name}: spec.config.{CustomerKeySecret} is \"{text}\" instead of the name of a Secret, a slash and the name of its entry");
        return await ReadAsync(location, $"spec.config.{CustomerKeySecret}", new SecretEntry(secret, key), cancellationToken);
    }

    private async Task<byte[]> ReadAsync(LocationDescription location, string field, SecretEntry entry, CancellationToken cancellationToken)
    {
        var where = $"location {location.Name}: {field} names entry {entry.Key} of Secret {entry.Secret}";
        if (entry.Secret.AsSpan().ContainsAny('/', '%') || entry.Secret is "." or "..")
            throw new LocationException($"location {location.Name}: {field} names Secret \"{entry.Secret}\", which is no name of a Secret: only those of namespace {ns} can be named");
        var secret = await find(entry.Secret, cancellationToken) ?? throw new LocationException($"{where}, which does not exist in namespace {ns}");
        if (!secret.TryGetValue(entry.Key, out var encoded)) throw new LocationException($"{where}, which does not have it");
        try
        {
            return Convert.FromBase64String(encoded);
        }
        catch (FormatException)
        {
            throw new LocationException($"{where}, which is no base64");
        }
    }
}
