using NodeAgent.Stores.Buckets;

namespace NodeAgent.Stores.Tests.Buckets;

public sealed class DirectoryBucketConformance : BucketConformance
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("nodeagent-bucket-");

    protected override ValueTask<IBucket> CreateAsync() => ValueTask.FromResult<IBucket>(new DirectoryBucket(Path.Combine(_directory.FullName, "place"), _directory.FullName));

    protected override void Clean() => _directory.Delete(recursive: true);
}
