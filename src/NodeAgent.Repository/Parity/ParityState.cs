namespace NodeAgent.Repository.Parity;

/// <summary>How an object and its parity stand.</summary>
public enum ParityState
{
    /// <summary>The object is what its name says.</summary>
    Sound,

    /// <summary>It is damaged, and there is no parity of it.</summary>
    NoParity,

    /// <summary>It is damaged, and what it was can be had from its parity.</summary>
    Mendable,

    /// <summary>It is damaged by more than its parity makes up for.</summary>
    BeyondMending,

    /// <summary>It was damaged, and is what it was again.</summary>
    Mended,
}
