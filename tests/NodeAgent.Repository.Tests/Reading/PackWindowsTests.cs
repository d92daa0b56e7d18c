using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Reading;

public sealed class PackWindowsTests
{
    private const int Longest = 1 << 20;
    private const int Page = 3 << 10;
    private const long Most = 6L * Longest;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pages_that_follow_each_other_are_read_in_few_reads_and_each_byte_about_once()
    {
        var store = new FarStore(packs: 1, packLength: 4 << 20);
        using var windows = new PackWindows(store, Longest);
        for (var at = 0L; at + Page <= store.PackLength; at += Page) await ExpectAsync(store, windows, At(0, at));

        Assert.InRange(store.Reads.Count, 1, 7);
        Assert.InRange(store.Reads.Sum(read => (long)read.Length), store.PackLength, store.PackLength + Longest);
    }

    [Fact]
    public async Task Backwards_and_a_directory_before_the_pages_below_it_costs_no_more()
    {
        var store = new FarStore(packs: 1, packLength: 4 << 20);
        using var windows = new PackWindows(store, Longest);
        // Groups of 20 pages: the last of a group first, then the others, as a walk comes to what was written bottom up; the groups backwards.
        for (var group = (store.PackLength / Page / 20) - 1; group >= 0; group--)
        {
            await ExpectAsync(store, windows, At(0, ((group * 20) + 19) * Page));
            for (var i = 0; i < 19; i++) await ExpectAsync(store, windows, At(0, ((group * 20) + i) * Page));
        }

        Assert.InRange(store.Reads.Count, 1, 12);
    }

    [Theory]
    [InlineData(Page)]
    [InlineData(24 << 10)]
    [InlineData(100 << 10)]
    public async Task Pages_that_lie_far_from_each_other_are_read_alone_after_a_try_or_two(int length)
    {
        var store = new FarStore(packs: 20, packLength: 32 << 20);
        using var windows = new PackWindows(store, Longest);
        for (var i = 0; i < 15; i++)
        {
            for (var pack = 0; pack < store.Packs.Count; pack++)
            {
                if (await windows.TryReadAsync(At(pack, i * (2L << 20), length), store.PackLength, Cancellation) is { } read) Assert.True(read.Span.SequenceEqual(store.Content(pack, i * (2L << 20), length)));
            }
        }

        Assert.Equal(2 * store.Packs.Count, store.Reads.Count);
        Assert.All(store.Reads, read => Assert.InRange(read.Length, length, 128 << 10));
    }

    [Fact]
    public async Task What_is_given_up_is_gone_from_memory_however_many_packs_there_are()
    {
        var store = new FarStore(packs: 300, packLength: 1 << 20);
        using var windows = new PackWindows(store, Longest);
        for (var pack = 0; pack < store.Packs.Count; pack++)
        {
            await ExpectAsync(store, windows, At(pack, 0));
            Assert.InRange(windows.Held, 1, Most);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.Equal(300, store.Destinations.Count);
        // Those that are kept, and one that this method's frame may still hold.
        Assert.InRange(store.Destinations.Count(destination => destination.IsAlive), 1, (int)(Most / (128 << 10)) + 1);
    }

    [Fact]
    public async Task Whatever_is_asked_for_in_whatever_order_by_many_at_once_is_what_the_pack_has()
    {
        var store = new FarStore(packs: 6, packLength: 3_333_333);
        using var windows = new PackWindows(store, Longest);
        var seeds = SeededRandom.Create();
        var found = 0;
        var readers = Enumerable.Range(0, 8).Select(_ => seeds.Next()).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 1500; i++)
            {
                var length = random.Next(1, random.Next(10) == 0 ? Longest / 2 : 20_000);
                var location = At(random.Next(6), random.Next(store.PackLength - length + 1), length);
                if (await windows.TryReadAsync(location, store.PackLength, Cancellation) is { } read)
                {
                    Assert.True(read.Span.SequenceEqual(store.Content((int)location.Pack.Session, location.Offset, location.StoredLength)));
                    Interlocked.Increment(ref found);
                }
            }
        })).ToList();

        await Task.WhenAll(readers);

        Assert.InRange(found, 1000, 8 * 1500);
        Assert.InRange(windows.Held, 1, Most);
        Assert.All(store.Reads, read => Assert.InRange(read.Length, 1, Longest + (Longest / 2)));
    }

    [Fact]
    public async Task Several_that_want_the_same_place_wait_for_one_read()
    {
        var store = new FarStore(packs: 1, packLength: 1 << 20);
        using var windows = new PackWindows(store, Longest);
        var gate = store.Hold();
        var wanted = Enumerable.Range(0, 20).Select(i => windows.TryReadAsync(At(0, i * Page), store.PackLength, Cancellation).AsTask()).ToList();
        gate.SetResult();

        var read = await Task.WhenAll(wanted);

        Assert.Single(store.Reads);
        for (var i = 0; i < read.Length; i++) Assert.True(read[i]!.Value.Span.SequenceEqual(store.Content(0, i * Page, Page)));
    }

    [Fact]
    public async Task A_chunk_that_is_long_or_behind_the_end_of_the_pack_is_left_to_be_read_alone()
    {
        var store = new FarStore(packs: 1, packLength: 100_000);
        using var windows = new PackWindows(store, Longest);

        Assert.Null(await windows.TryReadAsync(At(0, 0, (Longest / 2) + 1), store.PackLength, Cancellation));
        Assert.Empty(store.Reads);
        Assert.Null(await windows.TryReadAsync(At(0, 99_000, 1001), store.PackLength, Cancellation));
        Assert.Null(await windows.TryReadAsync(At(0, 300_000), store.PackLength, Cancellation));
        await ExpectAsync(store, windows, At(0, 99_000, 1000));
    }

    [Theory]
    [InlineData(StoreFailure.NotFound, Page, 1 << 20)]
    [InlineData(StoreFailure.PermissionDenied, Page, 1 << 20)]
    [InlineData(StoreFailure.Other, Page, 1 << 20)]
    [InlineData(StoreFailure.Other, 32 << 10, 1 << 20)]
    [InlineData(StoreFailure.Other, Page, 40 << 10)]
    public async Task What_fails_for_good_is_left_to_be_read_alone_and_tried_again_some_chunks_later(StoreFailure failure, int length, int packLength)
    {
        var store = new FarStore(packs: 1, packLength) { Failure = new StoreException(failure, "reading", "x", "made to fail") };
        using var windows = new PackWindows(store, Longest);

        Assert.Null(await windows.TryReadAsync(At(0, 0, length), store.PackLength, Cancellation));
        Assert.Equal(0, windows.Held);
        store.Failure = null;
        var alone = 0;
        while (alone < 100 && await windows.TryReadAsync(At(0, 0, length), store.PackLength, Cancellation) is null) alone++;
        Assert.InRange(alone, 14, 16);
        await ExpectAsync(store, windows, At(0, Page));
        Assert.Equal(2, store.Reads.Count);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_asked_for_each_chunk_alone_from_then_on()
    {
        var store = new FarStore(packs: 2, packLength: 1 << 20);
        using var windows = new PackWindows(store, Longest);
        await ExpectAsync(store, windows, At(1, 0));
        store.Failure = new StoreException(StoreFailure.Transient, "reading", "x", "made to fail");

        Assert.Null(await windows.TryReadAsync(At(0, 0), store.PackLength, Cancellation));
        Assert.Null(await windows.TryReadAsync(At(0, Page), store.PackLength, Cancellation));
        Assert.Equal(2, store.Reads.Count);
        await ExpectAsync(store, windows, At(1, Page));
    }

    [Fact]
    public async Task Who_stops_waiting_takes_nothing_from_the_others()
    {
        var store = new FarStore(packs: 1, packLength: 1 << 20);
        using var windows = new PackWindows(store, Longest);
        var gate = store.Hold();
        using var first = new CancellationTokenSource();
        var stopped = windows.TryReadAsync(At(0, 0), store.PackLength, first.Token).AsTask();
        var other = ExpectAsync(store, windows, At(0, Page));
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped);
        gate.SetResult();

        await other;
        Assert.Single(store.Reads);
    }

    [Fact]
    public async Task When_all_room_is_taken_by_what_is_being_read_a_chunk_is_read_alone()
    {
        var store = new FarStore(packs: 100, packLength: 1 << 20);
        using var windows = new PackWindows(store, Longest);
        var gate = store.Hold();
        var wanted = Enumerable.Range(0, 100).Select(pack => windows.TryReadAsync(At(pack, 0), store.PackLength, Cancellation).AsTask()).ToList();
        var held = windows.Held;
        gate.SetResult();

        var read = await Task.WhenAll(wanted);

        Assert.InRange(held, 1, Most);
        Assert.Equal(Most / (128 << 10), read.Count(envelope => envelope is not null));
    }

    [Fact]
    public async Task Who_gives_up_the_windows_ends_what_is_being_read()
    {
        var store = new FarStore(packs: 1, packLength: 1 << 20);
        var windows = new PackWindows(store, Longest);
        store.Hold();
        var waiting = windows.TryReadAsync(At(0, 0), store.PackLength, Cancellation).AsTask();
        windows.Dispose();

        Assert.Null(await waiting);
    }

    private static ChunkLocation At(int pack, long offset, int length = Page) => new(FarStore.Pack(pack), offset, length, length, ChunkKind.Tree);

    private static async Task ExpectAsync(FarStore store, PackWindows windows, ChunkLocation location)
    {
        var read = await windows.TryReadAsync(location, store.PackLength, Cancellation);
        Assert.NotNull(read);
        Assert.True(read.Value.Span.SequenceEqual(store.Content((int)location.Pack.Session, location.Offset, location.StoredLength)));
    }

    /// <summary>Packs whose every byte tells where it is.</summary>
    private sealed class FarStore(int packs, int packLength) : IObjectStore
    {
        private readonly byte[] _content = Enumerable.Range(0, packLength).Select(i => (byte)((i * 2654435761L) >> 13)).ToArray();
        private TaskCompletionSource? _gate;

        public IReadOnlyList<string> Packs { get; } = [.. Enumerable.Range(0, packs).Select(i => Pack(i).Key)];

        public int PackLength => packLength;

        public List<(string Key, long Offset, int Length)> Reads { get; } = [];

        /// <summary>What was read into, as long as somebody has it.</summary>
        public List<WeakReference> Destinations { get; } = [];

        public StoreException? Failure { get; set; }

        public string Location => "memory";

        public bool HasExclusiveFences => false;

        public int WorthwhileRead => Longest;

        public static PackId Pack(int number)
        {
            var id = new byte[ChunkId.Length];
            BinaryPrimitives.WriteInt32LittleEndian(id, number);
            return new PackId((ulong)number, new ChunkId(id));
        }

        public TaskCompletionSource Hold() => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public ReadOnlySpan<byte> Content(int pack, long offset, int length)
        {
            var content = _content.AsSpan((int)offset, length).ToArray();
            foreach (ref var value in content.AsSpan()) value ^= (byte)(pack * 37);
            return content;
        }

        public async ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
        {
            lock (Reads)
            {
                Reads.Add((key, offset, destination.Length));
                if (MemoryMarshal.TryGetArray<byte>(destination, out var array)) Destinations.Add(new WeakReference(array.Array));
            }

            if (_gate is { } gate) await gate.Task.WaitAsync(cancellationToken);
            await Task.Yield();
            if (Failure is { } failure) throw failure;
            if (offset + destination.Length > packLength) throw new StoreException(StoreFailure.Other, "reading", key, "it ends before");
            Content(Packs.ToList().IndexOf(key), offset, destination.Length).CopyTo(destination.Span);
        }

        public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
