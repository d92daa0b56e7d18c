namespace NodeAgent.Repository.Index;

/// <summary>How far a pack can be relied on; the lower, the better.</summary>
internal enum PackStanding
{
    /// <summary>An index segment names it and it is there.</summary>
    Named,

    /// <summary>
    /// Only its own footer tells of it. It can be read; a backup does not build on it, because what no segment names may be taken
    /// for the rest of a run that was stopped.
    /// </summary>
    Unnamed,

    /// <summary>
    /// An index segment names it, and a record of collection says that it is being retired. It can be read until it is deleted; nothing new
    /// may build on it.
    /// </summary>
    Condemned,

    /// <summary>An index segment names it, and it is missing or has another length.</summary>
    Lost,
}
