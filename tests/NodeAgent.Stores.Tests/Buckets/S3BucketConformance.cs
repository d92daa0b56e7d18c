using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Buckets;

/// <summary>On a real Ceph gateway.</summary>
public sealed class S3BucketConformance : BucketConformance
{
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("nodeagent-bucket-");

    // What is in the gateway ends with it.
    protected override async ValueTask<IBucket> CreateAsync() => new S3Bucket(await S3Gateway.MakeFolderAsync(), _work.FullName);

    protected override void Clean()
    {
        Assert.Empty(_work.EnumerateFileSystemInfos());
        _work.Delete();
    }
}
