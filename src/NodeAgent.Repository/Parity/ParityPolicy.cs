using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Parity;

/// <summary>
/// Whether new objects get parity, and how much. Objects are never changed, so each change is a new one; the highest number holds. Who has no
/// key cannot make one that counts.
/// </summary>
/// <param name="Percent">Parity blocks for each hundred blocks; 0 is none.</param>
/// <param name="Number">Of the change.</param>
internal sealed record ParityPolicy(int Percent, int Number)
{
    /// <summary>Why the newest one cannot be read; it then stands for none, and the repository can be used.</summary>
    public RepositoryException? Damage { get; init; }

    public const string Prefix = "parity-policy/";
    private const int MaxLength = 4 << 10;
    private const int MacLength = Blake3.HashLength;

    /// <summary>The one that holds; null when none was ever made.</summary>
    public static async Task<ParityPolicy?> ReadAsync(IObjectStore store, RootKeys keys, ReadOnlyMemory<byte> repositoryId, CancellationToken cancellationToken)
    {
        var (number, key) = (-1, "");
        await foreach (var entry in store.ListAsync(Prefix, cancellationToken))
        {
            if (int.TryParse(entry.Key.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var found) && found > number) (number, key) = (found, entry.Key);
        }

        if (number < 0) return null;
        try
        {
            return new ParityPolicy(Parse(await store.ReadAllAsync(key, MaxLength, cancellationToken), key, keys, repositoryId.Span), number);
        }
        catch (Exception exception) when (exception is RepositoryFormatException or StoreException { Failure: StoreFailure.Other })
        {
            return new ParityPolicy(0, number) { Damage = (RepositoryException)exception };
        }
    }

    /// <summary>Writes it. False when somebody else's change has its number.</summary>
    public async Task<bool> WriteAsync(IObjectStore store, RootKeys keys, ReadOnlyMemory<byte> repositoryId, CancellationToken cancellationToken)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(new ParityPolicyJson(Percent), RepositoryJson.Default.ParityPolicyJson);
        var content = new byte[ObjectHeader.Length + json.Length + MacLength];
        new ObjectHeader(ObjectKind.Parity, ObjectHeader.NoSession, (uint)(json.Length + MacLength)).Write(repositoryId.Span, content);
        json.CopyTo(content, ObjectHeader.Length);
        Blake3.KeyedHash(keys.ConfigMacKey, content.AsSpan(..^MacLength), content.AsSpan(^MacLength..));
        return await store.PutAsync(Prefix + Number.ToString("d8", CultureInfo.InvariantCulture), content, cancellationToken) == PutOutcome.Created;
    }

    private static int Parse(byte[] content, string key, RootKeys keys, ReadOnlySpan<byte> repositoryId)
    {
        ObjectHeader.Read(content, ObjectKind.Parity, repositoryId, content.Length, key);
        if (content.Length < ObjectHeader.Length + MacLength || !IsAuthentic(content, keys)) throw new RepositoryFormatException(key, content.Length, "it was altered: its MAC is wrong");
        ParityPolicyJson? json;
        try
        {
            json = JsonSerializer.Deserialize(content.AsSpan(ObjectHeader.Length..^MacLength), RepositoryJson.Default.ParityPolicyJson);
        }
        catch (JsonException)
        {
            json = null;
        }

        return json is { Percent: 0 or (>= ParityLayout.MinPercent and <= ParityLayout.MaxPercent) }
            ? json.Percent
            : throw new RepositoryFormatException(key, ObjectHeader.Length, "it does not say how much parity there is to be");
    }

    private static bool IsAuthentic(byte[] content, RootKeys keys)
    {
        Span<byte> mac = stackalloc byte[MacLength];
        Blake3.KeyedHash(keys.ConfigMacKey, content.AsSpan(..^MacLength), mac);
        return CryptographicOperations.FixedTimeEquals(mac, content.AsSpan(^MacLength..));
    }
}
