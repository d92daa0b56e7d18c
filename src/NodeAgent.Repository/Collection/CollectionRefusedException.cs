using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>Nothing was collected, because what is garbage cannot be told for certain.</summary>
public sealed class CollectionRefusedException : RepositoryException
{
    /// <param name="why">The reason, with what to do.</param>
    public CollectionRefusedException(string why)
        : base($"nothing was removed: {why}")
    {
    }

    /// <param name="why">The reason, with what to do.</param>
    /// <param name="cause">What it follows from.</param>
    public CollectionRefusedException(string why, Exception cause)
        : base($"nothing was removed: {why}", cause)
    {
    }
}
