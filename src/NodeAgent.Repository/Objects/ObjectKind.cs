namespace NodeAgent.Repository.Objects;

/// <summary>What an object of the store is. The values are part of the format.</summary>
public enum ObjectKind : byte
{
    /// <summary>The repository's parameters.</summary>
    Config = 1,

    /// <summary>The root keys, wrapped for one recipient.</summary>
    Key = 2,

    /// <summary>Chunks.</summary>
    Pack = 3,

    /// <summary>Where chunks are.</summary>
    Index = 4,

    /// <summary>A snapshot: the commit point.</summary>
    Snapshot = 5,

    /// <summary>The mark that hides a snapshot.</summary>
    Forget = 6,

    /// <summary>That a session began.</summary>
    Session = 7,

    /// <summary>A record of collection.</summary>
    Collection = 8,

    /// <summary>Parity of another object, or the word that there is to be parity.</summary>
    Parity = 9,
}
