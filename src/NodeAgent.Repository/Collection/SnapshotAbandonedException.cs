using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A snapshot was not published because it would have referred to data that collection has removed.</summary>
public sealed class SnapshotAbandonedException : RepositoryException
{
    /// <summary>A chunk is gone.</summary>
    public SnapshotAbandonedException(string what, Exception cause)
        : base($"collection removed data that this backup relied on while it was held up ({what}: {cause.Message}); nothing was published, run it again", cause)
    {
    }

    /// <summary>It did not come to an end.</summary>
    public SnapshotAbandonedException(int rounds)
        : base($"the snapshot was not published: in each of {rounds} attempts the store refused a write that came too late, or collection removed more of what it relies on; run it again when the network or the collections are less busy")
    {
    }
}
