namespace NodeAgent.Repository.Collection;

/// <summary>What becomes of a pack.</summary>
public enum PackFate
{
    /// <summary>It stays: used well enough, or the limit of bytes to copy was reached.</summary>
    Keep,

    /// <summary>It stays because its session may still be running.</summary>
    Spare,

    /// <summary>Nothing in it is used.</summary>
    Remove,

    /// <summary>What is used of it is copied to a new pack.</summary>
    Repack,
}
