namespace NodeAgent.Repository.Crypto;

/// <summary>Cost of Argon2id: kept with what it protects, and bounded when read back.</summary>
/// <param name="MemoryKib">Memory in KiB, at least 8 for each lane.</param>
/// <param name="Iterations">Passes over the memory.</param>
/// <param name="Parallelism">Lanes.</param>
public readonly record struct Argon2Parameters(uint MemoryKib, uint Iterations, uint Parallelism)
{
    /// <summary>The most memory that a key object can ask for: 1 GiB.</summary>
    public const uint MaxMemoryKib = 1 << 20;

    /// <summary>The most passes that a key object can ask for.</summary>
    public const uint MaxIterations = 64;

    /// <summary>The most lanes that a key object can ask for.</summary>
    public const uint MaxParallelism = 16;

    /// <summary>64 MiB, 3 passes, 1 lane: about 0.2 s, and fits beside the agent's own memory in a small pod.</summary>
    public static Argon2Parameters Default { get; } = new(64 << 10, 3, 1);

    /// <summary>Whether the cost is within what Argon2 defines and what is bearable.</summary>
    public bool IsWithinBounds =>
        Parallelism is >= 1 and <= MaxParallelism
        && Iterations is >= 1 and <= MaxIterations
        && MemoryKib is <= MaxMemoryKib && MemoryKib >= 8 * Parallelism;
}
