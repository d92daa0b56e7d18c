using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Sessions;

public sealed class CompressionPaceTests : IDisposable
{
    private readonly Clock _clock = new();
    private readonly TestRepository _slow = new(), _busy = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void While_the_store_holds_chunks_up_and_processors_are_idle_the_level_rises_step_by_step()
    {
        var pace = new CompressionPace(2, _clock, () => 0.6);
        pace.BeginWait();
        Assert.Equal([3, 4, 5, 6, 7, 7], Levels(pace, 6));
        // Within an interval nothing changes.
        _clock.Pass(CompressionPace.Interval / 2);
        Assert.Equal(7, pace.Next());
    }

    [Fact]
    public void It_falls_to_what_was_asked_for_when_nothing_waits_any_more()
    {
        var pace = new CompressionPace(2, _clock, () => 0.6);
        pace.BeginWait();
        Assert.Equal([3, 4, 5], Levels(pace, 3));
        pace.EndWait();
        Assert.Equal([4, 3, 2, 2], Levels(pace, 4));
    }

    [Fact]
    public void It_stays_where_the_store_holds_chunks_up_now_and_then()
    {
        var pace = new CompressionPace(2, _clock, () => 0.6);
        pace.BeginWait();
        Assert.Equal([3, 4], Levels(pace, 2));
        pace.EndWait();
        for (var i = 0; i < 5; i++)
        {
            // A third of the time.
            pace.BeginWait();
            _clock.Pass(CompressionPace.Interval / 3);
            pace.EndWait();
            _clock.Pass(CompressionPace.Interval * 2 / 3);
            _clock.Pass(TimeSpan.FromMilliseconds(1));
            Assert.Equal(4, pace.Next());
        }
    }

    [Fact]
    public void What_waits_side_by_side_counts_once()
    {
        var pace = new CompressionPace(2, _clock, () => 0.6);
        // Three for a quarter of the time, at the same time: not a half.
        for (var i = 0; i < 3; i++) pace.BeginWait();
        _clock.Pass(CompressionPace.Interval / 4);
        for (var i = 0; i < 3; i++) pace.EndWait();
        _clock.Pass(CompressionPace.Interval * 3 / 4);
        Assert.Equal(2, pace.Next());
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(null)]
    public void It_does_not_rise_where_processors_are_busy_or_nobody_knows(double? idle)
    {
        var pace = new CompressionPace(2, _clock, () => idle);
        pace.BeginWait();
        Assert.Equal([2, 2, 2], Levels(pace, 3));
    }

    [Fact]
    public void It_falls_when_others_need_the_processors()
    {
        double? idle = 0.6;
        var pace = new CompressionPace(2, _clock, () => idle);
        pace.BeginWait();
        Assert.Equal([3, 4, 5], Levels(pace, 3));
        idle = 0.1;
        Assert.Equal([5, 5], Levels(pace, 2));
        idle = 0.01;
        Assert.Equal([4, 3, 2, 2], Levels(pace, 4));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(19)]
    public void A_high_level_that_was_asked_for_is_kept(int level)
    {
        var pace = new CompressionPace(level, _clock, () => 0.6);
        pace.BeginWait();
        Assert.Equal([level, level], Levels(pace, 2));
        pace.EndWait();
        Assert.Equal([level, level], Levels(pace, 2));
    }

    [Fact]
    public async Task A_session_stores_less_in_a_slow_store_when_processors_are_idle()
    {
        var busy = await StoreAsync(_busy, 0);
        var slow = await StoreAsync(_slow, 1);
        TestContext.Current.TestOutputHelper?.WriteLine($"{busy} bytes with busy processors, {slow} with idle ones");
        Assert.InRange(slow, 1, busy * 98 / 100);
    }

    public void Dispose()
    {
        _slow.Dispose();
        _busy.Dispose();
    }

    private int[] Levels(CompressionPace pace, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        _clock.Pass(CompressionPace.Interval);
        return pace.Next();
    })];

    /// <summary>Stores the same text in every repository, behind a store that takes a pack when a chunk waits for it, and time passes only then. Returns what it came to.</summary>
    private static async Task<long> StoreAsync(TestRepository test, double idle)
    {
        await (await test.InitializeAsync()).DisposeAsync();
        using var taken = new SemaphoreSlim(0);
        var store = new PutStore(test.Root) { BeforePut = (key, token) => key.StartsWith("data/", StringComparison.Ordinal) ? taken.WaitAsync(token) : Task.CompletedTask };
        var clock = new Clock();
        await using var repository = await ChunkRepository.OpenAsync(store, TestRepository.Secret(), new RepositoryOpenOptions { Time = clock }, Cancellation);
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions { Idle = () => idle }, Cancellation);
        var random = new Random(1);
        var words = Enumerable.Range(0, 3000).Select(_ => Convert.ToHexString(Encoding.UTF8.GetBytes($"{random.Next()}"))[..random.Next(4, 12)]).ToArray();
        var waits = 0;
        for (var i = 0; i < 200; i++)
        {
            var text = new StringBuilder();
            while (text.Length < 40_000) text.Append(words[Math.Min(random.Next(words.Length), random.Next(words.Length))]).Append(' ');
            var stored = session.StoreAsync(ChunkKind.Data, Encoding.UTF8.GetBytes(text.ToString()), Cancellation).AsTask();
            for (; !stored.IsCompleted; waits++)
            {
                Assert.InRange(waits, 0, 2000);
                clock.Pass(CompressionPace.Interval);
                taken.Release();
                await Task.WhenAny(stored, Task.Delay(50, Cancellation));
            }

            await stored;
        }

        // Of a hundred packs or so two are under way and one waits, or the store has not held anything up.
        Assert.InRange(waits, 20, 2000);
        taken.Release(1000);
        await session.FlushAsync(Cancellation);
        return session.Statistics.StoredBytes;
    }

    /// <summary>One that stands still unless it is told.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _at;

        public override long TimestampFrequency => System.TimestampFrequency;

        public override long GetTimestamp() => Volatile.Read(ref _at);

        public void Pass(TimeSpan time) => Interlocked.Add(ref _at, (long)(time.TotalSeconds * TimestampFrequency));
    }
}
