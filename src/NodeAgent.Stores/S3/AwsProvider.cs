using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>The provider <c>aws</c>: a bucket of S3 or of a server that is compatible.</summary>
internal sealed class AwsProvider : ILocationProvider
{
    public string Name => "aws";

    public bool IsRemote => true;

    public IObjectStore OpenRepositoryStore(LocationDescription location) => new S3Store(AwsLocation.OptionsOf(location, LocationProviders.RepositoryFolder));

    public IBucket OpenBucket(LocationDescription location, string workDirectory, RetryOptions retry) =>
        new S3Bucket(AwsLocation.OptionsOf(location, "") with { Retry = retry }, workDirectory);

    public IEnumerable<string> NotesOn(LocationDescription location) => AwsLocation.NotesOn(location);
}
