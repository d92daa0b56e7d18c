using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>One fault at the first request of a call: what the call then answers, whichever the provider.</summary>
public abstract class SingleFaultTests
{
    public static TheoryData<string> Kinds => [.. Enum.GetNames<FaultKind>().Except([nameof(FaultKind.None), nameof(FaultKind.StaleList)])];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_put_that_was_carried_out_but_not_answered_counts_as_created(string kind)
    {
        await using var place = await MakePlaceAsync();
        await using var store = place.OpenStore();
        await using var fence = await OpenFenceAsync(store);
        await using var knowing = await place.OpenKnowingStoreAsync();
        await using var knowingFence = await OpenFenceAsync(knowing);
        foreach (var (key, put) in (IEnumerable<(string, Func<string, byte[], ValueTask<PutOutcome>>)>)
            [
                ("a/plain", (k, b) => store.PutAsync(k, b, Cancellation)),
                ("a/fenced", (k, b) => fence.PutAsync(k, b, Cancellation)),
                ("a/knowing", (k, b) => knowing.PutAsync(k, b, Cancellation)),
                ("a/knowing-fenced", (k, b) => knowingFence.PutAsync(k, b, Cancellation)),
            ])
        {
            var body = Enumerable.Repeat((byte)key.Length, 5000).ToArray();
            place.Spoil("PUT", kind);
            Assert.Equal(PutOutcome.Created, await put(key, body));
            Assert.Equal(1, place.Injected);
            Assert.Equal(body, await store.ReadAllAsync(key, 5000, Cancellation));
            place.Spoil("PUT", kind);
            Assert.Equal(PutOutcome.AlreadyExists, await put(key, new byte[5000]));
            Assert.Equal(body, await store.ReadAllAsync(key, 5000, Cancellation));
        }
    }

    [Theory]
    [InlineData(nameof(FaultKind.LostAnswer))]
    [InlineData(nameof(FaultKind.LostAnswerBehind500))]
    public async Task A_fence_remembers_that_something_was_sent_whose_answer_never_came(string kind)
    {
        await using var place = await MakePlaceAsync();
        await using var store = place.OpenStore();
        await using var writes = await OpenFenceAsync(store);
        await writes.PutAsync("a/first", new byte[100], Cancellation);
        Assert.False(writes.IsInDoubt);
        place.Spoil("PUT", kind);
        await writes.PutAsync("a/second", new byte[100], Cancellation);
        Assert.True(writes.IsInDoubt);
        await using var deletes = await OpenFenceAsync(store);
        await deletes.DeleteAsync("a/first", Cancellation);
        Assert.False(deletes.IsInDoubt);
        place.Spoil("DELETE", kind);
        await deletes.DeleteAsync("a/second", Cancellation);
        Assert.True(deletes.IsInDoubt);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_read_is_whole_all_the_same(string kind)
    {
        await using var place = await MakePlaceAsync();
        await using var store = place.OpenStore();
        var body = new byte[300_000];
        new Random(1).NextBytes(body);
        await store.PutAsync("a/b", body, Cancellation);
        await store.PutAsync("a/empty", default, Cancellation);

        place.Spoil("GET", kind);
        Assert.Equal(body, await store.ReadAllAsync("a/b", body.Length, Cancellation));
        Assert.Equal(1, place.Injected);
        place.Spoil("GET", kind);
        var part = new byte[100_000];
        await store.ReadAsync("a/b", 150_000, part, Cancellation);
        Assert.Equal(body[150_000..250_000], part);
        Assert.Equal(1, place.Injected);
        place.Spoil("GET", kind);
        Assert.Empty(await store.ReadAllAsync("a/empty", 10, Cancellation));
        place.Spoil("HEAD", kind);
        Assert.Equal(body.Length, (await store.StatAsync("a/b", Cancellation))!.Value.Length);
        place.Spoil("GET", kind);
        Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("a/none", 10, Cancellation))).Failure);
        place.Spoil("GET", kind);
        var keys = new List<string>();
        await foreach (var entry in store.ListAsync("a/", Cancellation)) keys.Add(entry.Key);
        Assert.Equal(["a/b", "a/empty"], keys);
        Assert.Equal(1, place.Injected);
        place.Spoil("HEAD", kind);
        Assert.InRange(await store.GetTimeAsync(Cancellation), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_delete_deletes_and_says_so(string kind)
    {
        await using var place = await MakePlaceAsync();
        await using var store = place.OpenStore();
        await using var fence = await OpenFenceAsync(store);
        await store.PutAsync("a/plain", new byte[1], Cancellation);
        await store.PutAsync("a/fenced", new byte[1], Cancellation);
        place.Spoil("DELETE", kind);
        Assert.True(await store.DeleteAsync("a/plain", Cancellation));
        Assert.Equal(1, place.Injected);
        place.Spoil("DELETE", kind);
        Assert.True(await fence.DeleteAsync("a/fenced", Cancellation));
        Assert.Equal(1, place.Injected);
        await foreach (var entry in store.ListAsync("", Cancellation)) Assert.Fail($"{entry.Key} is still there");
    }

    /// <summary>An empty place behind a proxy.</summary>
    private protected abstract Task<FaultyPlace> MakePlaceAsync();

    private static ValueTask<IFence> OpenFenceAsync(IObjectStore store) => store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
}
