using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Conformance;

/// <summary>On a real Ceph gateway.</summary>
public sealed class S3StoreConformance : StoreConformance
{
    private S3StoreOptions? _options;

    protected override async ValueTask PrepareAsync() => _options = await S3Gateway.MakeFolderAsync();

    protected override IObjectStore Create() => new S3Store(_options!);

    // The gateway's store ends with it.
    protected override ValueTask CleanAsync() => ValueTask.CompletedTask;
}
