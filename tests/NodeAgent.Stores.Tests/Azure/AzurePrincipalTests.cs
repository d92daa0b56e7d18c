using System.Net;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;

namespace NodeAgent.Stores.Tests.Azure;

/// <summary>Storage that is reached by the tokens of a service principal.</summary>
public sealed class AzurePrincipalTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_principal_reads_writes_lists_and_deletes_and_signs_in_once()
    {
        await using var tokens = new TokenService();
        await using var store = new AzureStore(await OptionsAsync(tokens));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "x"u8.ToArray(), Stop));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("a/b", "y"u8.ToArray(), Stop));
        Assert.Equal("x"u8.ToArray(), await store.ReadAllAsync("a/b", 10, Stop));
        await foreach (var entry in store.ListAsync("a/", Stop)) Assert.Equal("a/b", entry.Key);
        Assert.True(await store.DeleteAsync("a/b", Stop));
        Assert.Null(await store.StatAsync("a/b", Stop));
        Assert.Equal(1, tokens.Given);
    }

    [Fact]
    public async Task Its_fences_run_out_and_its_addresses_for_downloads_work()
    {
        await using var tokens = new TokenService();
        var options = await OptionsAsync(tokens);
        await using var store = new AzureStore(options);
        await using (var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(10), Stop))
        {
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("snap/a", "x"u8.ToArray(), Stop));
            Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync("snap/a", "y"u8.ToArray(), Stop));
            Assert.True(await fence.DeleteAsync("snap/a", Stop));
        }

        await using (var brief = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromSeconds(1), Stop))
        {
            await Task.Delay(TimeSpan.FromSeconds(3), Stop);
            await Assert.ThrowsAsync<FenceExpiredException>(async () => await brief.PutAsync("snap/late", "x"u8.ToArray(), Stop));
        }

        await store.PutAsync("a/file", "said"u8.ToArray(), Stop);
        await using var bucket = new AzureBucket(options, Path.GetTempPath());
        var address = await bucket.AddressForDownloadAsync("a/file", TimeSpan.FromMinutes(10), Stop);
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var http = new HttpClient(handler);
        Assert.Equal("said", await http.GetStringAsync(address, Stop));
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(new Uri(address.AbsoluteUri.Replace("/file", "/other", StringComparison.Ordinal)), Stop)).StatusCode);
    }

    [Fact]
    public async Task A_token_that_ends_soon_is_renewed()
    {
        await using var tokens = new TokenService { Lifetime = TimeSpan.FromMinutes(4) };
        await using var store = new AzureStore(await OptionsAsync(tokens));
        await store.PutAsync("a/b", default, Stop);
        await store.PutAsync("a/c", default, Stop);
        Assert.Equal(2, tokens.Given);
    }

    [Fact]
    public async Task A_secret_that_is_wrong_is_told_in_one_line_without_it()
    {
        await using var tokens = new TokenService();
        var options = await OptionsAsync(tokens);
        await using var store = new AzureStore(options with { Principal = options.Principal! with { Secret = "wrong-secret" } });
        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("a/b", default, Stop));
        Assert.Equal(StoreFailure.PermissionDenied, error.Failure);
        Assert.Contains("signing in failed: invalid_client AADSTS7000215: Invalid client secret provided", error.Message, StringComparison.Ordinal);
        Assert.Contains("check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-secret", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static async Task<AzureStoreOptions> OptionsAsync(TokenService tokens)
    {
        var tls = Azurite.OptionsFor($"test-{Guid.NewGuid():N}") with { Endpoint = Azurite.Get("AZURE_BLOB_ENDPOINT_TLS"), CaCertificates = await File.ReadAllTextAsync(Azurite.Get("AZURE_CA_FILE"), Stop) };
        // A container is made with the account's key.
        using var endpoint = new AzureEndpoint(tls, TimeProvider.System, Random.Shared);
        (await endpoint.SendAsync(HttpMethod.Put, null, "?restype=container", [], ReadOnlyMemory<byte>.Empty, Stop)).Dispose();
        return tls with { AccountKey = "", Principal = new AzurePrincipal(TokenService.Tenant, TokenService.Client, TokenService.Secret, tokens.Address) };
    }
}
