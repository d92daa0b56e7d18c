using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>The provider <c>azure</c>: a container of a storage account, by the blob service's own interface.</summary>
internal sealed class AzureProvider : ILocationProvider
{
    public string Name => "azure";

    public bool IsRemote => true;

    public IObjectStore OpenRepositoryStore(LocationDescription location) => new AzureStore(OptionsOf(location, LocationProviders.RepositoryFolder));

    public IBucket OpenBucket(LocationDescription location, string workDirectory, RetryOptions retry) => new AzureBucket(OptionsOf(location, "") with { Retry = retry }, workDirectory);

    public IEnumerable<string> NotesOn(LocationDescription location) => AzureLocation.NotesOn(location);

    private static AzureStoreOptions OptionsOf(LocationDescription location, string folder) => AzureLocation.OptionsOf(location, folder, Environment.GetEnvironmentVariable);
}
