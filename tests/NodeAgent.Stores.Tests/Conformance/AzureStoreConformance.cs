using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Tests.Azure;

namespace NodeAgent.Stores.Tests.Conformance;

/// <summary>On Azurite.</summary>
public sealed class AzureStoreConformance : StoreConformance
{
    private AzureStoreOptions? _options;

    protected override async ValueTask PrepareAsync() => _options = await Azurite.MakeFolderAsync();

    protected override IObjectStore Create() => new AzureStore(_options!);

    // What is in it ends with it.
    protected override ValueTask CleanAsync() => ValueTask.CompletedTask;
}
