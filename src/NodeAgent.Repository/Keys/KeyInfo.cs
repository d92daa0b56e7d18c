using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Keys;

/// <summary>What a key object says of itself without being opened.</summary>
/// <param name="Id">Its name in the store: 16 hexadecimal digits.</param>
/// <param name="Kind">What opens it; null when it cannot be read.</param>
/// <param name="Label">For people.</param>
/// <param name="Created">When it was made, by the clock of who made it; null when it cannot be read.</param>
/// <param name="Generations">How many root keys it holds.</param>
public sealed record KeyInfo(string Id, RepositorySecretKind? Kind, string Label, DateTimeOffset? Created, int Generations)
{
    /// <summary>Whether this process opened the repository with it.</summary>
    public bool IsInUse { get; init; }

    /// <summary>Whether it holds the newest root key. One that does not opens only what was written before the last rotation.</summary>
    public bool IsCurrent { get; init; }

    /// <summary>Why it opens nothing here; null when it does.</summary>
    public string? Problem { get; init; }
}
