using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Conformance;

/// <summary>On a real Ceph gateway, with what a probe found there remembered, as every process but the first has it.</summary>
public sealed class S3StoreConformance : StoreConformance
{
    private readonly string _memory = Directory.CreateTempSubdirectory("nodeagent-probed-").FullName;
    private S3StoreOptions? _options;

    protected override async ValueTask PrepareAsync() => _options = await S3Gateway.ProbedAsync(await S3Gateway.MakeFolderAsync(), _memory);

    protected override IObjectStore Create() => new S3Store(_options!);

    // What is in the gateway ends with it.
    protected override ValueTask CleanAsync()
    {
        Directory.Delete(_memory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
