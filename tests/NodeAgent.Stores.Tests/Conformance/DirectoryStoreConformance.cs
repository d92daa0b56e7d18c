using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Tests.Conformance;

public sealed class DirectoryStoreConformance : StoreConformance
{
    private string _parent = "";

    protected override ValueTask PrepareAsync()
    {
        _parent = Directory.CreateTempSubdirectory("nodeagent-conformance-").FullName;
        return ValueTask.CompletedTask;
    }

    // Not made yet, as before the first put.
    protected override IObjectStore Create() => new DirectoryStore(Path.Combine(_parent, "repository"));

    protected override ValueTask CleanAsync()
    {
        Directory.Delete(_parent, recursive: true);
        return ValueTask.CompletedTask;
    }
}
