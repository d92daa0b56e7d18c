using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>Faults between us and S3.</summary>
public sealed class S3FaultTests : SingleFaultTests, IDisposable
{
    private readonly string _memory = Directory.CreateTempSubdirectory("nodeagent-probed-").FullName;

    public void Dispose() => Directory.Delete(_memory, recursive: true);

    private protected override async Task<FaultyPlace> MakePlaceAsync()
    {
        var options = await S3Gateway.MakeFolderAsync();
        var proxy = new FaultProxy(options.Endpoint);
        options = options with { Endpoint = proxy.Endpoint };
        return new FaultyPlace(proxy, () => new S3Store(options), async () => new S3Store(await S3Gateway.ProbedAsync(options, _memory)));
    }
}
