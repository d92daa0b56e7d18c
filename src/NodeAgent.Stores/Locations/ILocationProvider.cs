using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Locations;

/// <summary>
/// A kind of place that a BackupStorageLocation can be in. <see cref="LocationProviders"/> has the list; docs/providers.md says how to
/// add one. Opening asks nobody: what can only be told by the place itself is told by the first call.
/// </summary>
internal interface ILocationProvider
{
    /// <summary>What <c>spec.provider</c> says, without a domain.</summary>
    string Name { get; }

    /// <summary>Whether it is reached over a network, so that credentials and certificates count and a look costs time and money.</summary>
    bool IsRemote { get; }

    /// <summary>The store that holds the location's repository, below <see cref="LocationProviders.RepositoryFolder"/>. The caller disposes it.</summary>
    /// <exception cref="LocationException">The description cannot be used.</exception>
    IObjectStore OpenRepositoryStore(LocationDescription location);

    /// <summary>The files of backups and restores. The caller disposes it.</summary>
    /// <param name="location">Where.</param>
    /// <param name="workDirectory">For large files while they are read.</param>
    /// <param name="retry">How failures are met.</param>
    /// <exception cref="LocationException">The description cannot be used.</exception>
    IBucket OpenBucket(LocationDescription location, string workDirectory, RetryOptions retry);

    /// <summary>What of the settings is accepted and not done, a line each.</summary>
    IEnumerable<string> NotesOn(LocationDescription location);
}
