using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Stores;

public sealed class FenceTests : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);
    private readonly string _root = Directory.CreateTempSubdirectory("nodeagent-fence-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Shared_fences_are_held_together_and_keep_an_exclusive_one_out()
    {
        var (first, second, third) = (new DirectoryStore(_root), new DirectoryStore(_root), new DirectoryStore(_root));
        var one = await first.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        var two = await second.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        var exclusive = third.OpenFenceAsync(FenceMode.Exclusive, Lifetime, Cancellation).AsTask();
        await one.PutAsync("snap/a", "1"u8.ToArray(), Cancellation);
        await one.DisposeAsync();
        await Task.Delay(100, Cancellation);
        Assert.False(exclusive.IsCompleted);
        await two.DisposeAsync();
        await using var held = await exclusive;

        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        impatient.CancelAfter(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await first.OpenFenceAsync(FenceMode.Shared, Lifetime, impatient.Token));
        Assert.True(await held.DeleteAsync("snap/a", Cancellation));
    }

    [Fact]
    public async Task A_lock_that_a_file_server_holds_for_its_client_keeps_an_exclusive_fence_out()
    {
        var store = new DirectoryStore(_root);
        await (await store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation)).DisposeAsync();
        Task<IFence> exclusive;
        // A lock by fcntl that belongs to a process is what the kernel's NFS server takes.
        using (var client = new FileStream(Path.Combine(_root, ".nodeagent-fence"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            client.Lock(0, 0);
            exclusive = store.OpenFenceAsync(FenceMode.Exclusive, Lifetime, Cancellation).AsTask();
            await Task.Delay(100, Cancellation);
            Assert.False(exclusive.IsCompleted);
        }

        await (await exclusive).DisposeAsync();
    }

    [Fact]
    public async Task What_is_written_through_a_fence_is_there_and_the_fence_itself_is_no_object()
    {
        var store = new DirectoryStore(_root);
        await using (var fence = await store.OpenFenceAsync(FenceMode.Exclusive, Lifetime, Cancellation))
        {
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("a/b", "1"u8.ToArray(), Cancellation));
            Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync("a/b", "2"u8.ToArray(), Cancellation));
        }

        var entries = new List<string>();
        await foreach (var entry in store.ListAsync("", Cancellation)) entries.Add(entry.Key);
        Assert.Equal(["a/b"], entries);
    }

    [Fact]
    public async Task The_store_tells_the_time_that_its_objects_get()
    {
        var store = new DirectoryStore(_root);
        var before = await store.GetTimeAsync(Cancellation);
        await store.PutAsync("a", new byte[1], Cancellation);
        var after = await store.GetTimeAsync(Cancellation);
        Assert.InRange((await store.StatAsync("a", Cancellation))!.Value.LastModified, before, after);
        Assert.Single(Directory.GetFiles(_root));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
