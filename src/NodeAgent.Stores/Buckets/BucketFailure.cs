using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Buckets;

/// <summary>What the failures of an <see cref="IBucket"/> look like, whichever it is.</summary>
public static class BucketFailure
{
    /// <summary>Whether an exception tells that the place could not do what was asked, and not that the program is wrong.</summary>
    public static bool IsCauseOf(Exception exception) => exception is IOException or UnauthorizedAccessException or StoreException or LocationException;
}
