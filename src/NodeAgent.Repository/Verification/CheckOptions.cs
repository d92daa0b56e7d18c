namespace NodeAgent.Repository.Verification;

/// <summary>What a check looks at.</summary>
public sealed record CheckOptions
{
    /// <summary>Read, decrypt and hash every chunk, not only the structure.</summary>
    public bool ReadData { get; init; }

    /// <summary>With ReadData: only the packs of one part in so many, chosen by their hash; (1, 1) is all.</summary>
    public (int Part, int Parts) Subset { get; init; } = (1, 1);
}
