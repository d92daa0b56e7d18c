using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Tests.Azure;

namespace NodeAgent.Stores.Tests.Buckets;

/// <summary>On Azurite.</summary>
public sealed class AzureBucketConformance : BucketConformance
{
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("nodeagent-bucket-");

    // What is in it ends with it.
    protected override async ValueTask<IBucket> CreateAsync() => new AzureBucket(await Azurite.MakeFolderAsync(), _work.FullName);

    protected override void Clean()
    {
        Assert.Empty(_work.EnumerateFileSystemInfos());
        _work.Delete();
    }
}
