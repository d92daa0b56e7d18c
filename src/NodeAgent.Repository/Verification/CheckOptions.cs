namespace NodeAgent.Repository.Verification;

/// <summary>What a check looks at.</summary>
public sealed record CheckOptions
{
    /// <summary>Read, decrypt and hash every chunk, not only the structure.</summary>
    public bool ReadData { get; init; }

    /// <summary>With ReadData: only the packs of one part in so many, chosen by their hash; (1, 1) is all.</summary>
    public (int Part, int Parts) Subset { get; init; } = (1, 1);

    /// <summary>With ReadData: only so large a share of the packs' bytes, those that were verified longest ago. 1 is all.</summary>
    public double Share { get; init; } = 1;

    /// <summary>With ReadData: only about so many bytes of packs, those that were verified longest ago. Null is all.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>What is remembered of earlier checks, and will be of this one; null for nothing.</summary>
    public PackVerifications? Verifications { get; init; }

    /// <summary>With ReadData: packs that were verified since are not read again. Null reads them all.</summary>
    public DateTimeOffset? VerifiedSince { get; init; }

    /// <summary>With ReadData: after this no further pack is read. The structure is looked at all the same.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Of each snapshot, so many damaged files are named; all are counted.</summary>
    public int MaxFiles { get; init; } = 100;
}
