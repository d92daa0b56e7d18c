using System.Globalization;
using System.Net;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;

namespace NodeAgent.Stores.Tests.Azure;

/// <summary>What a wrong setup is told as, and what the service's own limits make of addresses and clocks.</summary>
public sealed class AzureSetupTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_key_a_missing_container_and_a_dead_endpoint_are_told_in_one_line()
    {
        var options = await Azurite.MakeFolderAsync();
        await FailsAsync(options with { AccountKey = Convert.ToBase64String(new byte[64]) }, StoreFailure.PermissionDenied, "does not accept the credentials", "account key");
        await FailsAsync(options with { Container = "no-such-container" }, StoreFailure.Other, "container no-such-container does not exist in storage account nodeagenttest", "make it");
        await FailsAsync(
            options with { Endpoint = "http://127.0.0.1:1/nodeagenttest", Retry = options.Retry with { GiveUpFirstContactAfter = TimeSpan.FromMilliseconds(50) } }, StoreFailure.Transient, "nothing listens at the endpoint", "given up");
    }

    [Fact]
    public async Task A_missing_container_is_no_missing_object()
    {
        var options = await Azurite.MakeFolderAsync();
        await using var store = new AzureStore(options with { Container = "no-such-container" });
        foreach (var call in (Func<ValueTask>[])[async () => await store.StatAsync("a", Stop), async () => await store.ReadAllAsync("a", 1, Stop), async () => await store.PutAsync("a", default, Stop), async () => await store.DeleteAsync("a", Stop)])
        {
            var error = await Assert.ThrowsAsync<StoreException>(async () => await call());
            Assert.Equal(StoreFailure.Other, error.Failure);
            Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(5)]
    public async Task A_clock_that_is_hours_off_does_not_matter(int hours)
    {
        var time = new ShiftedTime(TimeSpan.FromHours(hours));
        await using var store = new AzureStore(await Azurite.MakeFolderAsync(), time, new Random(1));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "x"u8.ToArray(), Stop));
        Assert.InRange(await store.GetTimeAsync(Stop), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(10), Stop);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("a/c", "x"u8.ToArray(), Stop));
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(5)]
    public async Task A_request_that_is_refused_for_its_date_is_sent_again_by_the_servers_clock(int hours)
    {
        using var server = new HttpListener();
        var port = Random.Shared.Next(20000, 32000);
        for (var tries = 0; ; tries++)
        {
            try
            {
                server.Prefixes.Clear();
                server.Prefixes.Add($"http://127.0.0.1:{port}/");
                server.Start();
                break;
            }
            catch (HttpListenerException) when (tries < 50)
            {
                port++;
            }
        }

        var seen = 0;
        var serving = Task.Run(
            async () =>
            {
                while (seen < 3)
                {
                    var call = await server.GetContextAsync();
                    seen++;
                    var date = DateTimeOffset.Parse(call.Request.Headers["x-ms-date"]!, CultureInfo.InvariantCulture);
                    call.Response.Headers["x-ms-error-code"] = "AuthenticationFailed";
                    call.Response.StatusCode = (DateTimeOffset.UtcNow - date).Duration() > TimeSpan.FromMinutes(15) ? 403 : 201;
                    call.Response.Close();
                }
            },
            Stop);
        var options = new AzureStoreOptions { Account = "account", Container = "backups", Endpoint = $"http://127.0.0.1:{port}/account", AccountKey = "c2VjcmV0", Retry = Gateway.S3Gateway.QuickRetry };
        await using var store = new AzureStore(options, new ShiftedTime(TimeSpan.FromHours(hours)), new Random(1));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "x"u8.ToArray(), Stop));
        Assert.Equal(2, seen);
        // From then on the server's clock is known.
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/c", "x"u8.ToArray(), Stop));
        Assert.Equal(3, seen);
        await serving;
    }

    [Fact]
    public async Task An_address_for_a_download_is_good_for_that_file_and_to_read_it_only_and_runs_out()
    {
        var work = Directory.CreateTempSubdirectory("nodeagent-azure-");
        try
        {
            await using var bucket = new AzureBucket(await Azurite.MakeFolderAsync(), work.FullName);
            await bucket.PutAsync("backups/b 1+%/log", "said"u8.ToArray(), Stop);
            await bucket.PutAsync("backups/c", "other"u8.ToArray(), Stop);
            using var http = new HttpClient();
            var address = await bucket.AddressForDownloadAsync("backups/b 1+%/log", TimeSpan.FromMinutes(10), Stop);
            Assert.Equal("said", await http.GetStringAsync(address, Stop));
            Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(new Uri(address.AbsoluteUri.Replace("/b%201%2B%25/log", "/c", StringComparison.Ordinal)), Stop)).StatusCode);
            using var nothing = new ByteArrayContent([]);
            using var overwrite = new HttpRequestMessage(HttpMethod.Put, address) { Content = nothing, Headers = { { "x-ms-blob-type", "BlockBlob" } } };
            Assert.Equal(HttpStatusCode.Forbidden, (await http.SendAsync(overwrite, Stop)).StatusCode);
            var brief = await bucket.AddressForDownloadAsync("backups/b 1+%/log", TimeSpan.FromSeconds(1), Stop);
            await Task.Delay(TimeSpan.FromSeconds(3), Stop);
            Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(brief, Stop)).StatusCode);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_listing_of_several_pages_is_whole()
    {
        using var endpoint = new AzureEndpoint(await Azurite.MakeFolderAsync(), TimeProvider.System, new Random(1));
        var wanted = Enumerable.Range(0, 23).Select(i => string.Create(CultureInfo.InvariantCulture, $"a/{i:D2}")).ToList();
        foreach (var key in wanted) (await endpoint.SendAsync(HttpMethod.Put, key, "", AzureEndpoint.HeadersForPut([]), ReadOnlyMemory<byte>.Empty, Stop)).Dispose();
        var (found, pages, next) = (new List<string>(), 0, (string?)null);
        do
        {
            var page = await endpoint.ListPageAsync("a/", null, next, 5, Stop);
            found.AddRange(page.Objects.Select(o => o.Key));
            next = page.Next;
            pages++;
        }
        while (next is not null);
        Assert.Equal(wanted, found);
        Assert.Equal(5, pages);
    }

    private static async Task FailsAsync(AzureStoreOptions options, StoreFailure failure, params string[] parts)
    {
        await using var store = new AzureStore(options);
        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("a/b", new byte[10], Stop));
        Assert.Equal(failure, error.Failure);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', error.Message);
    }

    private sealed class ShiftedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow + by;
    }
}
