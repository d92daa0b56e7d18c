using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Tests.Azure;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>Faults between us and the blob service.</summary>
public sealed class AzureFaultTests : SingleFaultTests
{
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_in_blocks_is_whole_whichever_request_is_spoiled(string kind)
    {
        var options = await Azurite.MakeFolderAsync();
        await using var place = Behind(options);
        var work = Directory.CreateTempSubdirectory("nodeagent-azure-");
        try
        {
            await using var bucket = new AzureBucket(OptionsBehind(options, place.Proxy) with { BlockSize = 10_000 }, work.FullName);
            var body = new byte[25_000];
            new Random(1).NextBytes(body);
            // Three blocks and their list.
            for (var request = 0; request < 4; request++)
            {
                body[0] = (byte)request;
                place.Spoil("PUT", kind, request + 1);
                using var content = new MemoryStream(body);
                await bucket.PutAsync("backups/b/x", content, Cancellation);
                Assert.Equal(1, place.Injected);
                await using var read = (await bucket.OpenAsync("backups/b/x", long.MaxValue, Cancellation))!;
                var copy = new byte[read.Length];
                await read.ReadExactlyAsync(copy, Cancellation);
                Assert.Equal(body, copy);
            }
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private protected override async Task<FaultyPlace> MakePlaceAsync() => Behind(await Azurite.MakeFolderAsync());

    private static FaultyPlace Behind(AzureStoreOptions options)
    {
        var proxy = new FaultProxy(options.Endpoint);
        return new FaultyPlace(proxy, () => new AzureStore(OptionsBehind(options, proxy)));
    }

    private static AzureStoreOptions OptionsBehind(AzureStoreOptions options, FaultProxy proxy) => options with { Endpoint = $"{proxy.Endpoint}/{options.Account}" };
}
