using System.Text;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository;

/// <summary>
/// What of a repository is read once, when it is opened, and can change afterwards: the config, when another repository takes its place; the key objects, when
/// keys are added, removed or rotated; whether it has parity. Who keeps one open for long reads this before it is opened and again before each use, and opens it anew when the two
/// differ. The index is none of it: each session brings that up to date itself.
/// </summary>
public sealed record OpeningState
{
    private readonly string _digest;

    private OpeningState(string digest) => _digest = digest;

    /// <summary>Reads what is in the store now; null when there is no repository.</summary>
    /// <exception cref="StoreException">It could not be read.</exception>
    public static async Task<OpeningState?> ReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        byte[] config;
        try
        {
            config = await store.ReadAllAsync(RepositoryConfig.Key, RepositoryConfig.MaxLength, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return null;
        }

        // None of these is ever overwritten: what changes is which there are.
        var names = new List<string>();
        foreach (var prefix in store.HasExclusiveFences ? (string[])[KeyObject.Prefix, ParityPolicy.Prefix] : [KeyObject.Prefix])
        {
            await foreach (var entry in store.ListAsync(prefix, cancellationToken)) names.Add($"{entry.Key} {entry.Length}");
        }

        names.Sort(StringComparer.Ordinal);
        return new OpeningState($"{HashOf(config)} {HashOf(Encoding.UTF8.GetBytes(string.Join('\n', names)))}");
    }

    private static string HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return Convert.ToHexStringLower(hash);
    }
}
