namespace NodeAgent.Repository.Collection;

/// <summary>What to collect.</summary>
public sealed record CollectionOptions
{
    /// <summary>Only says what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>The share of the packs' bytes that may stay unused, 0 to 1; packs are rewritten until no more is.</summary>
    public double MaxUnusedShare { get; init; } = 0.05;

    /// <summary>The same in bytes; wins over the share when set.</summary>
    public long? MaxUnusedBytes { get; init; }

    /// <summary>Bytes that are copied at most.</summary>
    public long MaxRepackBytes { get; init; } = long.MaxValue;

    /// <summary>A snapshot that was forgotten longer ago than this no longer keeps data; the default when null.</summary>
    public TimeSpan? ForgetGrace { get; init; }

    /// <summary>Whether to wait for running sessions before packs are deleted. If not, they stay condemned, and the next run deletes them.</summary>
    public bool Wait { get; init; } = true;

    /// <summary>How the index is written anew.</summary>
    internal SegmentRewriteOptions Segments { get; init; } = SegmentRewriteOptions.Default;

    /// <summary>The program with its version, for the session record.</summary>
    public string? Program { get; init; }

    /// <summary>The machine, for the session record.</summary>
    public string? Hostname { get; init; }
}
