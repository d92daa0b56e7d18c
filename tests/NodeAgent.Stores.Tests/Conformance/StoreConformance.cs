using System.Globalization;
using System.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Stores.Tests.Conformance;

/// <summary>Everything that <see cref="IObjectStore"/> promises and the engine relies on. Each kind of store runs all of it.</summary>
public abstract class StoreConformance : IAsyncLifetime
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>Whole seconds are all that some stores tell of a time.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly List<IObjectStore> _opened = [];
    private IObjectStore? _store;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IObjectStore Store => _store ?? throw new InvalidOperationException("used before InitializeAsync");

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        _store = Open();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _opened) await store.DisposeAsync();
        await CleanAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes an empty place for this test, or skips it with the reason.</summary>
    protected abstract ValueTask PrepareAsync();

    /// <summary>A store on this test's place, as another process would open it. The caller disposes it.</summary>
    protected abstract IObjectStore Create();

    /// <summary>Removes the place.</summary>
    protected abstract ValueTask CleanAsync();

    private IObjectStore Open()
    {
        var store = Create();
        _opened.Add(store);
        return store;
    }

    // --- put and read ---------------------------------------------------------

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_537)]
    [InlineData(20 << 20)]
    public async Task What_is_put_is_read_back_whole_and_by_another_process(int length)
    {
        var body = RandomBytes(length);
        Assert.Equal(PutOutcome.Created, await Store.PutAsync("data/ab/object", body, Cancellation));
        var other = Open();
        AssertSame(body, await Store.ReadAllAsync("data/ab/object", length, Cancellation));
        AssertSame(body, await other.ReadAllAsync("data/ab/object", long.MaxValue, Cancellation));
        var entry = await other.StatAsync("data/ab/object", Cancellation);
        Assert.Equal(("data/ab/object", (long)length), (entry!.Value.Key, entry.Value.Length));
    }

    [Fact]
    public async Task A_part_of_an_array_is_put_and_not_kept()
    {
        var array = RandomBytes(5000);
        var body = array[100..4100];
        await Store.PutAsync("a/part", array.AsMemory(100, 4000), Cancellation);
        Array.Clear(array);
        AssertSame(body, await Store.ReadAllAsync("a/part", 4000, Cancellation));
    }

    [Fact]
    public async Task A_name_that_is_taken_keeps_its_object_and_says_so()
    {
        Assert.Equal(PutOutcome.Created, await Store.PutAsync("a/b", Bytes("first"), Cancellation));
        Assert.Equal(PutOutcome.AlreadyExists, await Store.PutAsync("a/b", Bytes("second, and longer"), Cancellation));
        Assert.Equal(PutOutcome.AlreadyExists, await Open().PutAsync("a/b", Bytes("first"), Cancellation));
        Assert.Equal(PutOutcome.AlreadyExists, await Store.PutAsync("a/b", default, Cancellation));
        Assert.Equal("first", await TextAsync("a/b"));
        Assert.Equal(["a/b"], await KeysAsync(""));
    }

    [Fact]
    public async Task Of_many_puts_of_one_name_exactly_one_creates_and_the_object_is_its_own_at_any_moment()
    {
        const int Writers = 12;
        var random = SeededRandom.Create();
        var stores = Enumerable.Range(0, Writers).Select(_ => Open()).ToArray();
        for (var round = 0; round < 8; round++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"round-{round}/object");
            var bodies = Enumerable.Range(0, Writers).Select(i => Enumerable.Repeat((byte)(i + 1), random.Next(1, 200_000)).ToArray()).ToArray();
            using var start = new SemaphoreSlim(0);
            var writers = Enumerable.Range(0, Writers).Select(i => Task.Run(
                async () =>
                {
                    await start.WaitAsync(Cancellation);
                    return await stores[i].PutAsync(key, bodies[i], Cancellation);
                },
                Cancellation)).ToArray();
            var written = Task.WhenAll(writers);
            var reader = Task.Run(() => ReadUntilAsync(key, written), Cancellation);
            start.Release(Writers);
            var outcomes = await written;
            var winner = Assert.Single(Enumerable.Range(0, Writers), i => outcomes[i] == PutOutcome.Created);
            AssertSame(bodies[winner], await Store.ReadAllAsync(key, 1 << 20, Cancellation));
            foreach (var seen in await reader) AssertSame(bodies[winner], seen);
        }
    }

    [Fact]
    public async Task Sixty_four_at_once_do_not_mix_anything_up()
    {
        var seed = SeededRandom.Create().Next();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(
            async () =>
            {
                var random = new Random(seed + i);
                for (var round = 0; round < 3; round++)
                {
                    var key = string.Create(CultureInfo.InvariantCulture, $"of-{i}/{round}");
                    var body = new byte[random.Next(1, 100_000)];
                    random.NextBytes(body);
                    Assert.Equal(PutOutcome.Created, await Store.PutAsync(key, body, Cancellation));
                    Assert.Equal(body.Length, (await Store.StatAsync(key, Cancellation))!.Value.Length);
                    AssertSame(body, await Store.ReadAllAsync(key, body.Length, Cancellation));
                    var (from, to) = (random.Next(body.Length), random.Next(body.Length));
                    (from, to) = (Math.Min(from, to), Math.Max(from, to));
                    var part = new byte[to - from];
                    await Store.ReadAsync(key, from, part, Cancellation);
                    AssertSame(body[from..to], part);
                    Assert.Equal([key], await KeysAsync(string.Create(CultureInfo.InvariantCulture, $"of-{i}/")));
                    Assert.True(await Store.DeleteAsync(key, Cancellation));
                    Assert.Null(await Store.StatAsync(key, Cancellation));
                }
            },
            Cancellation)));
        Assert.Empty(await KeysAsync(""));
    }

    // --- ranges and limits ----------------------------------------------------

    [Theory]
    [InlineData(0, 10)]
    [InlineData(0, 1)]
    [InlineData(0, 0)]
    [InlineData(4, 5)]
    [InlineData(9, 1)]
    [InlineData(10, 0)]
    public async Task A_range_within_the_object_fills_its_destination_and_nothing_else(int offset, int length)
    {
        var body = Bytes("ten bytes!");
        await Store.PutAsync("a/object", body, Cancellation);
        var buffer = Enumerable.Repeat((byte)0xEE, length + 2).ToArray();
        await Store.ReadAsync("a/object", offset, buffer.AsMemory(1, length), Cancellation);
        Assert.Equal([0xEE, .. body[offset..(offset + length)], 0xEE], buffer);
    }

    [Theory]
    [InlineData(0, 11)]
    [InlineData(5, 6)]
    [InlineData(10, 1)]
    [InlineData(11, 1)]
    [InlineData(1L << 40, 1)]
    public async Task A_range_beyond_the_end_is_refused_by_name(long offset, int length)
    {
        await Store.PutAsync("a/object", Bytes("ten bytes!"), Cancellation);
        var exception = await FailsAsync(() => Store.ReadAsync("a/object", offset, new byte[length], Cancellation));
        Assert.Equal(StoreFailure.Other, exception.Failure);
        Assert.StartsWith("reading a/object in ", exception.Message, StringComparison.Ordinal);
        Assert.Contains($"it ends before byte {offset + length}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ranges_of_an_empty_object_are_refused()
    {
        await Store.PutAsync("a/empty", default, Cancellation);
        Assert.Equal(StoreFailure.Other, (await FailsAsync(() => Store.ReadAsync("a/empty", 0, new byte[1], Cancellation))).Failure);
        Assert.Empty(await Store.ReadAllAsync("a/empty", 0, Cancellation));
    }

    [Fact]
    public async Task Ranges_of_a_large_object_are_read_exactly()
    {
        var random = SeededRandom.Create();
        var body = new byte[20 << 20];
        random.NextBytes(body);
        await Store.PutAsync("a/large", body, Cancellation);
        List<(int Offset, int Length)> ranges = [(0, 1), (body.Length - 1, 1), (0, body.Length), ((4 << 20) - 1, 2), (1, 4 << 20), (body.Length - (1 << 20), 1 << 20)];
        for (var i = 0; i < 20; i++) ranges.Add((random.Next(body.Length - 300_000), random.Next(1, 300_000)));
        await Parallel.ForEachAsync(ranges, Cancellation, async (range, token) =>
        {
            var part = new byte[range.Length];
            await Store.ReadAsync("a/large", range.Offset, part, token);
            Assert.True(body.AsSpan(range.Offset, range.Length).SequenceEqual(part), $"{range.Length} bytes at {range.Offset} differ");
        });
    }

    [Fact]
    public async Task An_object_longer_than_allowed_is_refused_and_one_as_long_is_not()
    {
        await Store.PutAsync("a/object", new byte[101], Cancellation);
        var exception = await FailsAsync(async () => await Store.ReadAllAsync("a/object", 100, Cancellation));
        Assert.Equal(StoreFailure.Other, exception.Failure);
        Assert.Contains("a/object", exception.Message, StringComparison.Ordinal);
        Assert.Contains("it has 101 bytes, more than the 100", exception.Message, StringComparison.Ordinal);
        Assert.Equal(101, (await Store.ReadAllAsync("a/object", 101, Cancellation)).Length);
    }

    // --- what is not there ----------------------------------------------------

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_not_there_is_told_apart_from_other_failures(bool hasNeighbour)
    {
        if (hasNeighbour) await Store.PutAsync("a/neighbour", Bytes("x"), Cancellation);
        foreach (var key in (string[])["a/missing", "a/b/c/missing", "missing"])
        {
            Assert.Null(await Store.StatAsync(key, Cancellation));
            Assert.False(await Store.DeleteAsync(key, Cancellation));
            foreach (var exception in (StoreException[])
                [
                    await FailsAsync(async () => await Store.ReadAllAsync(key, 100, Cancellation)),
                    await FailsAsync(() => Store.ReadAsync(key, 0, new byte[1], Cancellation)),
                    await FailsAsync(() => Store.ReadAsync(key, 1 << 20, new byte[1], Cancellation)),
                    await FailsAsync(() => Store.ReadAsync(key, 0, Memory<byte>.Empty, Cancellation)),
                ])
            {
                Assert.Equal(StoreFailure.NotFound, exception.Failure);
                Assert.StartsWith($"reading {key} in ", exception.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', exception.Message);
            }
        }
    }

    [Fact]
    public async Task A_prefix_of_a_name_is_no_object()
    {
        await Store.PutAsync("a/object/inner", Bytes("x"), Cancellation);
        Assert.Null(await Store.StatAsync("a/object", Cancellation));
        Assert.Null(await Store.StatAsync("a/obj", Cancellation));
        Assert.False(await Store.DeleteAsync("a/object", Cancellation));
        Assert.Equal("x", await TextAsync("a/object/inner"));
    }

    // --- lists ----------------------------------------------------------------

    [Fact]
    public async Task A_prefix_lists_what_is_below_it_and_not_what_begins_like_it()
    {
        Assert.Empty(await KeysAsync(""));
        string[] keys = ["config", "data/x", "data/ab/y", "data/ab/cd/z", "data-2/y", "database/z", "data.d/z", "Data/x", "dat/a"];
        foreach (var key in keys) await Store.PutAsync(key, Bytes(key), Cancellation);
        Assert.Equal(keys.Order(StringComparer.Ordinal), await KeysAsync(""));
        Assert.Equal(["data/ab/cd/z", "data/ab/y", "data/x"], await KeysAsync("data/"));
        Assert.Equal(["data/ab/cd/z", "data/ab/y"], await KeysAsync("data/ab/"));
        Assert.Equal(["dat/a"], await KeysAsync("dat/"));
        Assert.Empty(await KeysAsync("none/"));
        Assert.Empty(await KeysAsync("data/none/"));
        Assert.Empty(await KeysAsync("da/"));
        await foreach (var entry in Store.ListAsync("", Cancellation)) Assert.Equal(entry.Key.Length, entry.Length);
    }

    [Theory]
    [InlineData("dat")]
    [InlineData("data")]
    [InlineData("/")]
    [InlineData("data//")]
    [InlineData("../")]
    [InlineData("data/../")]
    [InlineData("d*/")]
    public async Task What_is_no_prefix_is_refused(string prefix)
    {
        await Store.PutAsync("data/x", Bytes("x"), Cancellation);
        await Assert.ThrowsAsync<ArgumentException>(() => KeysAsync(prefix));
    }

    [Fact]
    public async Task A_list_has_what_was_put_just_now_and_not_what_was_deleted()
    {
        var other = Open();
        for (var i = 0; i < 20; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"index/{i:D2}");
            await Store.PutAsync(key, Bytes("x"), Cancellation);
            Assert.Equal([key], await KeysAsync("index/", other));
            Assert.True(await Store.DeleteAsync(key, Cancellation));
            Assert.Empty(await KeysAsync("index/", other));
        }
    }

    [Fact]
    public async Task A_long_list_has_each_object_once_also_while_others_come_and_go()
    {
        const int Count = 2500;
        var expected = Enumerable.Range(0, Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"data/{i % 16:x2}/{i:D5}")).ToList();
        await Parallel.ForEachAsync(expected, new ParallelOptions { MaxDegreeOfParallelism = 24, CancellationToken = Cancellation }, async (key, token) =>
            Assert.Equal(PutOutcome.Created, await Store.PutAsync(key, Bytes(key), token)));
        Assert.Equal(expected.Order(StringComparer.Ordinal), await KeysAsync("data/"));

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var other = Open();
        var disturber = Task.Run(
            async () =>
            {
                for (var i = 0; !stop.IsCancellationRequested; i++)
                {
                    var key = string.Create(CultureInfo.InvariantCulture, $"data/{i % 16:x2}/passing-{i}");
                    await other.PutAsync(key, Bytes("x"), Cancellation);
                    await other.DeleteAsync(key, Cancellation);
                }
            },
            Cancellation);
        for (var round = 0; round < 3; round++)
            Assert.Equal(expected.Order(StringComparer.Ordinal), (await KeysAsync("data/")).Where(k => !k.Contains("passing", StringComparison.Ordinal)));
        await stop.CancelAsync();
        await disturber;
        Assert.Equal(expected.Where(k => k.StartsWith("data/0a/", StringComparison.Ordinal)), await KeysAsync("data/0a/"));
    }

    [Fact]
    public async Task A_list_that_is_left_early_harms_nothing()
    {
        for (var i = 0; i < 5; i++) await Store.PutAsync(string.Create(CultureInfo.InvariantCulture, $"a/{i}"), Bytes("x"), Cancellation);
        for (var round = 0; round < 50; round++)
        {
            var seen = 0;
            await foreach (var entry in Store.ListAsync("a/", Cancellation))
            {
                Assert.StartsWith("a/", entry.Key, StringComparison.Ordinal);
                if (++seen == 2) break;
            }

            Assert.Equal(2, seen);
        }
    }

    // --- delete ---------------------------------------------------------------

    [Fact]
    public async Task What_is_deleted_is_gone_and_its_name_is_free()
    {
        await Store.PutAsync("a/b", Bytes("first"), Cancellation);
        await Store.PutAsync("a/c", Bytes("stays"), Cancellation);
        Assert.True(await Store.DeleteAsync("a/b", Cancellation));
        Assert.False(await Store.DeleteAsync("a/b", Cancellation));
        Assert.Null(await Store.StatAsync("a/b", Cancellation));
        Assert.Equal(StoreFailure.NotFound, (await FailsAsync(async () => await Open().ReadAllAsync("a/b", 100, Cancellation))).Failure);
        Assert.Equal(["a/c"], await KeysAsync("a/"));
        Assert.Equal(PutOutcome.Created, await Store.PutAsync("a/b", Bytes("second"), Cancellation));
        Assert.Equal("second", await TextAsync("a/b"));
    }

    // --- names ----------------------------------------------------------------

    [Fact]
    public async Task Every_allowed_name_is_kept_exactly()
    {
        string[] keys =
        [
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/0123456789-_.", "case/Name", "case/name", "case/NAME", ".hidden/.file", "..a/b..", "-dash/--", "_/_", "a.b/c.d.e",
            "deep/" + string.Join('/', Enumerable.Repeat("d", 30)), "long/" + new string('n', 200), "long/" + string.Join('/', Enumerable.Repeat(new string('m', 99), 7)), "0", "x...",
        ];
        foreach (var key in keys) Assert.Equal(PutOutcome.Created, await Store.PutAsync(key, Bytes(key), Cancellation));
        Assert.Equal(keys.Order(StringComparer.Ordinal), await KeysAsync(""));
        foreach (var key in keys)
        {
            Assert.Equal(key, await TextAsync(key));
            Assert.Equal(key.Length, (await Store.StatAsync(key, Cancellation))!.Value.Length);
            var last = new byte[1];
            await Store.ReadAsync(key, key.Length - 1, last, Cancellation);
            Assert.Equal((byte)key[^1], last[0]);
        }

        await using (var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation))
        {
            foreach (var key in keys) Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync(key, default, Cancellation));
            foreach (var key in keys) Assert.True(await fence.DeleteAsync(key, Cancellation), key);
        }

        Assert.Empty(await KeysAsync(""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("../a")]
    [InlineData("a/./b")]
    [InlineData("a b")]
    [InlineData("a\\b")]
    [InlineData("a%2Fb")]
    [InlineData("a?b")]
    [InlineData("a#b")]
    [InlineData("a+b")]
    [InlineData("a:b")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("ä")]
    [InlineData("a*")]
    public async Task What_is_no_key_is_refused_everywhere(string key)
    {
        await using var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.PutAsync(key, Bytes("x"), Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.ReadAllAsync(key, 10, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.ReadAsync(key, 0, new byte[1], Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.StatAsync(key, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.DeleteAsync(key, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await fence.PutAsync(key, Bytes("x"), Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await fence.DeleteAsync(key, Cancellation));
        Assert.Empty(await KeysAsync(""));
    }

    // --- cancellation ---------------------------------------------------------

    [Fact]
    public async Task A_cancelled_call_says_so_and_does_nothing()
    {
        await Store.PutAsync("a/there", Bytes("x"), Cancellation);
        await using var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.PutAsync("a/new", Bytes("x"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await fence.PutAsync("a/new", Bytes("x"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.ReadAllAsync("a/there", 10, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.ReadAsync("a/there", 0, new byte[1], cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.StatAsync("a/there", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.DeleteAsync("a/there", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await fence.DeleteAsync("a/there", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.GetTimeAsync(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Store.ListAsync("a/", cancelled)) { }
        });
        Assert.Equal(["a/there"], await KeysAsync(""));
    }

    [Fact]
    public async Task A_put_that_is_cancelled_midway_leaves_the_whole_object_or_none()
    {
        var random = SeededRandom.Create();
        var body = new byte[8 << 20];
        random.NextBytes(body);
        for (var round = 0; round < 10; round++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"cut/{round}");
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            cancel.CancelAfter(TimeSpan.FromMilliseconds(random.Next(0, 60)));
            var returned = false;
            try
            {
                returned = await Store.PutAsync(key, body, cancel.Token) == PutOutcome.Created;
            }
            catch (OperationCanceledException)
            {
                // Which of both it is depends on the moment; both are asserted on below.
            }

            var entry = await Store.StatAsync(key, Cancellation);
            if (returned) Assert.NotNull(entry);
            if (entry is { } there) Assert.Equal(body.Length, there.Length);
            await Store.PutAsync(key, body, Cancellation);
            AssertSame(body, await Store.ReadAllAsync(key, body.Length, Cancellation));
        }
    }

    // --- time -----------------------------------------------------------------

    [Fact]
    public async Task The_store_tells_the_time_that_its_objects_get()
    {
        var before = await Store.GetTimeAsync(Cancellation);
        await Store.PutAsync("a/b", Bytes("x"), Cancellation);
        var after = await Open().GetTimeAsync(Cancellation);
        var stat = (await Store.StatAsync("a/b", Cancellation))!.Value.LastModified;
        Assert.InRange(stat, before - Tick, after + Tick);
        await foreach (var entry in Store.ListAsync("a/", Cancellation)) Assert.InRange(entry.LastModified, stat - Tick, stat + Tick);
        Assert.Equal(["a/b"], await KeysAsync(""));
    }

    [Fact]
    public async Task The_stores_time_does_not_go_back()
    {
        var last = await Store.GetTimeAsync(Cancellation);
        for (var i = 0; i < 30; i++)
        {
            var now = await Store.GetTimeAsync(Cancellation);
            Assert.InRange(now, last, last + TimeSpan.FromMinutes(10));
            last = now;
        }
    }

    // --- fences ---------------------------------------------------------------

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(20 << 20)]
    public async Task What_is_written_through_a_fence_is_there(int length)
    {
        var body = RandomBytes(length);
        await using (var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation))
        {
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("snap/a", body, Cancellation));
            Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync("snap/a", Bytes("other"), Cancellation));
            AssertSame(body, await Store.ReadAllAsync("snap/a", length, Cancellation));
        }

        AssertSame(body, await Open().ReadAllAsync("snap/a", length, Cancellation));
        // A fence leaves nothing of its own behind.
        Assert.Equal(["snap/a"], await KeysAsync(""));
    }

    [Fact]
    public async Task What_is_deleted_through_a_fence_is_gone()
    {
        await Store.PutAsync("snap/a", Bytes("x"), Cancellation);
        await using var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        Assert.True(await fence.DeleteAsync("snap/a", Cancellation));
        Assert.False(await fence.DeleteAsync("snap/a", Cancellation));
        Assert.False(await fence.DeleteAsync("snap/none", Cancellation));
        Assert.Empty(await KeysAsync(""));
    }

    [Fact]
    public async Task Of_many_puts_of_one_name_through_fences_exactly_one_creates()
    {
        const int Writers = 12;
        for (var round = 0; round < 4; round++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"snap/{round}");
            var outcomes = await Task.WhenAll(Enumerable.Range(0, Writers).Select(i => Task.Run(
                async () =>
                {
                    await using var fence = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
                    return await fence.PutAsync(key, Bytes($"of {i}"), Cancellation);
                },
                Cancellation)));
            var winner = Assert.Single(Enumerable.Range(0, Writers), i => outcomes[i] == PutOutcome.Created);
            Assert.Equal($"of {winner}", await TextAsync(key));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_fence_that_has_run_out_is_refused_by_the_store_itself_unless_it_is_a_lock(int seconds)
    {
        await Store.PutAsync("snap/old", Bytes("x"), Cancellation);
        var lifetime = TimeSpan.FromSeconds(seconds);
        await using var fence = await Store.OpenFenceAsync(FenceMode.Shared, lifetime, Cancellation);
        var taken = await Store.GetTimeAsync(Cancellation);
        while (await Store.GetTimeAsync(Cancellation) <= taken + lifetime + Tick) await Task.Delay(100, Cancellation);
        if (Store.HasExclusiveFences)
        {
            // Those who must not act meanwhile wait for it, however long it is held.
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("snap/late", Bytes("x"), Cancellation));
            Assert.True(await fence.DeleteAsync("snap/old", Cancellation));
            return;
        }

        var exception = await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.PutAsync("snap/late", Bytes("x"), Cancellation));
        Assert.Contains("snap/late", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.PutAsync("snap/large", new byte[1 << 20], Cancellation));
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.DeleteAsync("snap/old", Cancellation));
        Assert.Equal(["snap/old"], await KeysAsync(""));
        // Only that fence is of no more use.
        await using var next = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        Assert.Equal(PutOutcome.Created, await next.PutAsync("snap/late", Bytes("x"), Cancellation));
    }

    [Fact]
    public async Task An_exclusive_fence_keeps_others_out_where_there_is_one()
    {
        if (!Store.HasExclusiveFences)
        {
            await Assert.ThrowsAsync<NotSupportedException>(async () => await Store.OpenFenceAsync(FenceMode.Exclusive, Lifetime, Cancellation));
            return;
        }

        var shared = await Store.OpenFenceAsync(FenceMode.Shared, Lifetime, Cancellation);
        var waiting = Open().OpenFenceAsync(FenceMode.Exclusive, Lifetime, Cancellation).AsTask();
        for (var i = 0; i < 20; i++) await shared.PutAsync(string.Create(CultureInfo.InvariantCulture, $"snap/{i}"), Bytes("x"), Cancellation);
        Assert.False(waiting.IsCompleted);
        await shared.DisposeAsync();
        await using var exclusive = await waiting;
        Assert.Equal(20, (await KeysAsync("snap/")).Count);
        foreach (var mode in (FenceMode[])[FenceMode.Shared, FenceMode.Exclusive])
        {
            using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            impatient.CancelAfter(200);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Open().OpenFenceAsync(mode, Lifetime, impatient.Token));
        }

        Assert.True(await exclusive.DeleteAsync("snap/0", Cancellation));
    }

    // --- a repository ---------------------------------------------------------

    [Fact]
    public async Task A_repository_lives_on_it()
    {
        var random = SeededRandom.Create();
        var first = SampleTree.Create(random, 200 << 10, 20);
        var second = SampleTree.Changed(first, random);
        SnapshotId one, two;
        await using (var repository = await InitializeRepositoryAsync()) one = await SampleBackup.WriteAsync(repository, first);
        await using (var repository = await TestRepository.OpenAsync(Create())) two = await SampleBackup.WriteAsync(repository, second);
        await Assert.ThrowsAsync<RepositoryExistsException>(InitializeRepositoryAsync);

        await using var opened = await TestRepository.OpenAsync(Create());
        SampleTree.AssertSame(first, await SampleBackup.ReadAsync(opened, one));
        SampleTree.AssertSame(second, await SampleBackup.ReadAsync(opened, two));
        var report = await new RepositoryCheck(opened, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Empty(report.Problems);
        Assert.Equal(2, report.Snapshots);
    }

    [Fact]
    public async Task Of_several_that_make_a_repository_at_once_one_does()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(
            async () =>
            {
                try
                {
                    await (await InitializeRepositoryAsync()).DisposeAsync();
                    return null;
                }
                catch (RepositoryExistsException exception)
                {
                    return exception;
                }
            },
            Cancellation)));
        Assert.Single(results, r => r is null);
        await using var opened = await TestRepository.OpenAsync(Create());
        // The keys of those that lost stay behind, which a check mentions.
        Assert.True((await new RepositoryCheck(opened, new CheckOptions(), null).ExecuteAsync(Cancellation)).IsSound);
    }

    private Task<ChunkRepository> InitializeRepositoryAsync() =>
        ChunkRepository.InitializeAsync(Create(), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);

    private static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        SeededRandom.Create().NextBytes(bytes);
        return bytes;
    }

    private static byte[] Bytes(string text) => Encoding.ASCII.GetBytes(text);

    /// <summary>Without printing megabytes when they differ.</summary>
    private static void AssertSame(byte[] expected, byte[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.AsSpan().SequenceEqual(actual), "the content differs");
    }

    private static Task<StoreException> FailsAsync(Func<ValueTask> call) => Assert.ThrowsAsync<StoreException>(async () => await call());

    private async Task<string> TextAsync(string key) => Encoding.ASCII.GetString(await Store.ReadAllAsync(key, 10_000, Cancellation));

    private async Task<List<string>> KeysAsync(string prefix, IObjectStore? store = null)
    {
        var keys = new List<string>();
        await foreach (var entry in (store ?? Store).ListAsync(prefix, Cancellation)) keys.Add(entry.Key);
        keys.Sort(StringComparer.Ordinal);
        return keys;
    }

    /// <summary>What can be read of an object while others write it; at most a few, and at least once after it is written.</summary>
    private async Task<List<byte[]>> ReadUntilAsync(string key, Task written)
    {
        var seen = new List<byte[]>();
        for (var last = false; !last;)
        {
            last = written.IsCompleted;
            try
            {
                var content = await Store.ReadAllAsync(key, 1 << 20, Cancellation);
                if (seen.Count < 50) seen.Add(content);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && !last)
            {
                // Nobody has won yet.
            }
        }

        return seen;
    }
}
