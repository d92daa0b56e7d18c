using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Tests.Azure;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>One fault at the first request of a call to the blob service: what the call then answers.</summary>
public sealed class AzureFaultTests
{
    public static TheoryData<string> Kinds => [.. Enum.GetNames<FaultKind>().Except([nameof(FaultKind.None), nameof(FaultKind.StaleList)])];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_put_that_was_carried_out_but_not_answered_counts_as_created(string kind)
    {
        var (options, proxy) = await BehindProxyAsync();
        await using var _ = proxy;
        await using var store = new AzureStore(options);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        foreach (var (key, put) in (IEnumerable<(string, Func<string, byte[], ValueTask<PutOutcome>>)>)[("a/plain", (k, b) => store.PutAsync(k, b, Cancellation)), ("a/fenced", (k, b) => fence.PutAsync(k, b, Cancellation))])
        {
            var body = Enumerable.Repeat((byte)key.Length, 5000).ToArray();
            Spoil(proxy, "PUT", kind);
            Assert.Equal(PutOutcome.Created, await put(key, body));
            Assert.Equal(1, proxy.Plan!.Injected);
            Assert.Equal(body, await store.ReadAllAsync(key, 5000, Cancellation));
            Spoil(proxy, "PUT", kind);
            Assert.Equal(PutOutcome.AlreadyExists, await put(key, new byte[5000]));
            Assert.Equal(body, await store.ReadAllAsync(key, 5000, Cancellation));
        }
    }

    [Theory]
    [InlineData(nameof(FaultKind.LostAnswer))]
    [InlineData(nameof(FaultKind.LostAnswerBehind500))]
    public async Task A_fence_remembers_that_something_was_sent_whose_answer_never_came(string kind)
    {
        var (options, proxy) = await BehindProxyAsync();
        await using var _ = proxy;
        await using var store = new AzureStore(options);
        await using var writes = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        await writes.PutAsync("a/first", new byte[100], Cancellation);
        Assert.False(writes.IsInDoubt);
        Spoil(proxy, "PUT", kind);
        await writes.PutAsync("a/second", new byte[100], Cancellation);
        Assert.True(writes.IsInDoubt);
        await using var deletes = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        await deletes.DeleteAsync("a/first", Cancellation);
        Assert.False(deletes.IsInDoubt);
        Spoil(proxy, "DELETE", kind);
        await deletes.DeleteAsync("a/second", Cancellation);
        Assert.True(deletes.IsInDoubt);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_read_is_whole_all_the_same(string kind)
    {
        var (options, proxy) = await BehindProxyAsync();
        await using var _ = proxy;
        await using var store = new AzureStore(options);
        var body = new byte[300_000];
        new Random(1).NextBytes(body);
        await store.PutAsync("a/b", body, Cancellation);
        await store.PutAsync("a/empty", default, Cancellation);

        Spoil(proxy, "GET", kind);
        Assert.Equal(body, await store.ReadAllAsync("a/b", body.Length, Cancellation));
        Assert.Equal(1, proxy.Plan!.Injected);
        Spoil(proxy, "GET", kind);
        var part = new byte[100_000];
        await store.ReadAsync("a/b", 150_000, part, Cancellation);
        Assert.Equal(body[150_000..250_000], part);
        Assert.Equal(1, proxy.Plan!.Injected);
        Spoil(proxy, "GET", kind);
        Assert.Empty(await store.ReadAllAsync("a/empty", 10, Cancellation));
        Spoil(proxy, "HEAD", kind);
        Assert.Equal(body.Length, (await store.StatAsync("a/b", Cancellation))!.Value.Length);
        Spoil(proxy, "GET", kind);
        Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("a/none", 10, Cancellation))).Failure);
        Spoil(proxy, "GET", kind);
        var keys = new List<string>();
        await foreach (var entry in store.ListAsync("a/", Cancellation)) keys.Add(entry.Key);
        Assert.Equal(["a/b", "a/empty"], keys);
        Assert.Equal(1, proxy.Plan!.Injected);
        Spoil(proxy, "HEAD", kind);
        Assert.InRange(await store.GetTimeAsync(Cancellation), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_delete_deletes_and_says_so(string kind)
    {
        var (options, proxy) = await BehindProxyAsync();
        await using var _ = proxy;
        await using var store = new AzureStore(options);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        await store.PutAsync("a/plain", new byte[1], Cancellation);
        await store.PutAsync("a/fenced", new byte[1], Cancellation);
        Spoil(proxy, "DELETE", kind);
        Assert.True(await store.DeleteAsync("a/plain", Cancellation));
        Assert.Equal(1, proxy.Plan!.Injected);
        Spoil(proxy, "DELETE", kind);
        Assert.True(await fence.DeleteAsync("a/fenced", Cancellation));
        Assert.Equal(1, proxy.Plan!.Injected);
        await foreach (var entry in store.ListAsync("", Cancellation)) Assert.Fail($"{entry.Key} is still there");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_in_blocks_is_whole_whichever_request_is_spoiled(string kind)
    {
        var (options, proxy) = await BehindProxyAsync();
        await using var _ = proxy;
        var work = Directory.CreateTempSubdirectory("nodeagent-azure-");
        try
        {
            await using var bucket = new AzureBucket(options with { BlockSize = 10_000 }, work.FullName);
            var body = new byte[25_000];
            new Random(1).NextBytes(body);
            // Three blocks and their list.
            for (var request = 0; request < 4; request++)
            {
                var seen = 0;
                var spoiled = request + 1;
                body[0] = (byte)request;
                proxy.Plan = new FaultPlan(new Random(1), 1, Enum.Parse<FaultKind>(kind)) { Applies = r => r.Method == "PUT" && Interlocked.Increment(ref seen) == spoiled };
                using var content = new MemoryStream(body);
                await bucket.PutAsync("backups/b/x", content, Cancellation);
                Assert.Equal(1, proxy.Plan.Injected);
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

    /// <summary>The next request of a method meets the fault, and none after it.</summary>
    private static void Spoil(FaultProxy proxy, string method, string kind)
    {
        var met = 0;
        proxy.Plan = new FaultPlan(new Random(1), 1, Enum.Parse<FaultKind>(kind)) { Applies = request => request.Method == method && Interlocked.Increment(ref met) == 1 };
    }

    private static async Task<(AzureStoreOptions Options, FaultProxy Proxy)> BehindProxyAsync()
    {
        var options = await Azurite.MakeFolderAsync();
        var proxy = new FaultProxy(options.Endpoint);
        return (options with { Endpoint = $"{proxy.Endpoint}/{options.Account}" }, proxy);
    }
}
