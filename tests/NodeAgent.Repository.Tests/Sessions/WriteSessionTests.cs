using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Sessions;

public sealed class WriteSessionTests : IDisposable
{
    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_stored_is_read_back_by_another_process()
    {
        var random = SeededRandom.Create();
        var chunks = Enumerable.Range(0, 40).Select(_ => Bytes(random, random.Next(1, 30_000))).ToList();
        var ids = new List<ChunkId>();
        await using (var repository = await _test.InitializeAsync())
        {
            await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
            foreach (var chunk in chunks) ids.Add((await session.StoreAsync(ChunkKind.Data, chunk, Cancellation)).Id);
            await session.PublishAsync(Encoding.UTF8.GetBytes("{}"), Cancellation);
            Assert.Equal(chunks.Count, session.Statistics.NewChunks);
            Assert.Equal(chunks.Sum(c => (long)c.Length), session.Statistics.NewDataBytes);
        }

        await using var opened = await _test.OpenAsync();
        using var reader = opened.CreateReader();
        for (var i = 0; i < chunks.Count; i++)
        {
            var read = await reader.ReadSharedAsync(ChunkKind.Data, ids[i], 1 << 20, Cancellation);
            Assert.True(read.Span.SequenceEqual(chunks[i]));
        }
    }

    [Fact]
    public async Task A_chunk_is_stored_once_whoever_stores_it_again()
    {
        var content = Encoding.UTF8.GetBytes("the same content");
        await using (var repository = await _test.InitializeAsync())
        {
            await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
            Assert.True((await session.StoreAsync(ChunkKind.Data, content, Cancellation)).IsNew);
            Assert.False((await session.StoreAsync(ChunkKind.Data, content, Cancellation)).IsNew);
            Assert.True((await session.StoreAsync(ChunkKind.Tree, content, Cancellation)).IsNew);
            await session.FlushAsync(Cancellation);
            Assert.False((await session.StoreAsync(ChunkKind.Data, content, Cancellation)).IsNew);
        }

        await using var opened = await _test.OpenAsync();
        await using var second = await opened.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        Assert.True(second.Contains(second.ComputeId(ChunkKind.Data, content)));
        Assert.False((await second.StoreAsync(ChunkKind.Data, content, Cancellation)).IsNew);
        Assert.False(second.Contains(second.ComputeId(ChunkKind.List, content)));
    }

    [Fact]
    public async Task A_session_that_is_given_up_does_not_wait_for_a_store_that_is_away()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var reached = new TaskCompletionSource();
        var store = new PutStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        store.BeforePut = async (key, token) =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        var random = SeededRandom.Create();
        using var stop = new CancellationTokenSource();
        var storing = Task.Run(async () =>
        {
            while (true) await session.StoreAsync(ChunkKind.Data, Bytes(random, 30_000), stop.Token);
        }, Cancellation);
        await reached.Task.WaitAsync(Cancellation);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => storing);

        await session.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(2), Cancellation);
    }

    [Fact]
    public async Task After_a_segment_could_not_be_written_nothing_is_published_any_more()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var store = new PutStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        await session.StoreAsync(ChunkKind.Data, new byte[1000], Cancellation);
        store.BeforePut = (key, _) => key.StartsWith("index/", StringComparison.Ordinal) ? throw new StoreException(StoreFailure.Transient, "writing", key, "told to") : Task.CompletedTask;
        await Assert.ThrowsAsync<StoreException>(() => session.FlushAsync(Cancellation));
        store.BeforePut = static (_, _) => Task.CompletedTask;

        // The packs are there, and no segment names them.
        await Assert.ThrowsAsync<StoreException>(() => session.PublishAsync(Encoding.UTF8.GetBytes("{}"), Cancellation));
        Assert.False(Directory.Exists(Path.Combine(_test.Root, "snap")));
    }

    [Fact]
    public async Task What_a_failed_put_still_reads_is_left_as_it_is()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var store = new PutStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        ReadOnlyMemory<byte> kept = default;
        byte[] copy = [];
        await using (var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation))
        {
            await session.StoreAsync(ChunkKind.Data, Bytes(SeededRandom.Create(), 30_000), Cancellation);
            // As a request does that goes on in the background when nobody waits for its answer any more.
            store.OnBody = (key, body) =>
            {
                if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
                (kept, copy) = (body, body.ToArray());
                throw new StoreException(StoreFailure.Transient, "writing", key, "told to");
            };
            await Assert.ThrowsAsync<StoreException>(() => session.FlushAsync(Cancellation));
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.True(copy.Length > 30_000);
        Assert.True(kept.Span.SequenceEqual(copy));
    }

    [Fact]
    public async Task Packs_that_several_threads_fill_at_once_hold_what_their_index_says()
    {
        var random = SeededRandom.Create();
        var chunks = Enumerable.Range(0, 400).Select(_ => Bytes(random, random.Next(1, 40_000))).ToList();
        await using (var repository = await _test.InitializeAsync())
        {
            await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
            await Parallel.ForEachAsync(
                chunks, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation },
                async (chunk, token) => await session.StoreAsync(ChunkKind.Data, chunk, token));
            await session.FlushAsync(Cancellation);
        }

        // By another process, from the store alone.
        await using var opened = await _test.OpenAsync();
        using var reader = opened.CreateReader();
        foreach (var chunk in chunks)
            Assert.True((await reader.ReadSharedAsync(ChunkKind.Data, opened.ComputeId(ChunkKind.Data, chunk), 1 << 20, Cancellation)).Span.SequenceEqual(chunk));
    }

    [Fact]
    public async Task Many_threads_store_the_same_chunks_and_each_is_stored_once()
    {
        var random = SeededRandom.Create();
        var chunks = Enumerable.Range(0, 200).Select(_ => Bytes(random, random.Next(1, 5_000))).ToList();
        await using var repository = await _test.InitializeAsync();
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        var news = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 800), Cancellation, async (i, token) =>
        {
            if ((await session.StoreAsync(ChunkKind.Data, chunks[i % chunks.Count], token)).IsNew) Interlocked.Increment(ref news);
        });
        await session.FlushAsync(Cancellation);
        Assert.Equal(chunks.Count, news);
        using var reader = repository.CreateReader();
        foreach (var chunk in chunks)
        {
            var read = await reader.ReadSharedAsync(ChunkKind.Data, session.ComputeId(ChunkKind.Data, chunk), 1 << 20, Cancellation);
            Assert.True(read.Span.SequenceEqual(chunk));
        }
    }

    [Fact]
    public async Task Sessions_that_write_at_once_do_not_disturb_each_other()
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        var writers = Enumerable.Range(0, 4).Select(async w =>
        {
            await using var repository = await _test.OpenAsync();
            await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
            var ids = new List<ChunkId>();
            for (var i = 0; i < 50; i++) ids.Add((await session.StoreAsync(ChunkKind.Data, Encoding.UTF8.GetBytes($"content {w % 2} {i}"), Cancellation)).Id);
            await session.PublishAsync(Encoding.UTF8.GetBytes($$"""{"writer":{{w}}}"""), Cancellation);
            return ids;
        });
        var all = await Task.WhenAll(writers);
        await using var opened = await _test.OpenAsync();
        using var reader = opened.CreateReader();
        foreach (var (ids, w) in all.Select((ids, w) => (ids, w)))
        {
            for (var i = 0; i < ids.Count; i++)
                Assert.Equal($"content {w % 2} {i}", Encoding.UTF8.GetString((await reader.ReadSharedAsync(ChunkKind.Data, ids[i], 1000, Cancellation)).Span));
        }
    }

    public void Dispose() => _test.Dispose();

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
