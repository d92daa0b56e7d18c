using NodeAgent.Hosting.Health;

namespace NodeAgent.Hosting.Tests.Health;

public sealed class HealthChecksTests
{
    private readonly ManualTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_loop_is_alive_as_long_as_it_beats()
    {
        var health = new HealthChecks(_time);
        var heartbeat = health.AddHeartbeat("backups", TimeSpan.FromMinutes(1));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.True((await health.CheckLivenessAsync(Cancellation)).IsHealthy);
        _time.Advance(TimeSpan.FromSeconds(1));
        var report = await health.CheckLivenessAsync(Cancellation);
        Assert.False(report.IsHealthy);
        Assert.Equal("[-]backups failed: no progress for 61 s, the limit is 60 s\nlivez check failed\n", report.ToText("livez"));
        heartbeat.Beat();
        Assert.True((await health.CheckLivenessAsync(Cancellation)).IsHealthy);
    }

    [Fact]
    public async Task Ready_and_alive_are_different_things()
    {
        var health = new HealthChecks(_time);
        health.AddLiveness("loop", _ => new((string?)null));
        health.AddReadiness("cache", _ => new("not synced"));
        health.AddReadiness("store", _ => new((string?)null));
        Assert.True((await health.CheckLivenessAsync(Cancellation)).IsHealthy);
        Assert.Equal("[-]cache failed: not synced\n[+]store ok\nreadyz check failed\n", (await health.CheckReadinessAsync(Cancellation)).ToText("readyz"));
    }

    [Fact]
    public async Task A_check_that_breaks_is_one_that_fails()
    {
        var health = new HealthChecks(_time);
        health.AddReadiness("a", _ => throw new InvalidOperationException("no\nway"));
        health.AddReadiness("b", async _ =>
        {
            await Task.Yield();
            throw new IOException("gone");
        });
        var report = await health.CheckReadinessAsync(Cancellation);
        Assert.Equal(["InvalidOperationException: no way", "IOException: gone"], report.Results.Select(r => r.Value));
    }

    [Fact]
    public async Task A_check_that_hangs_is_given_up_and_named()
    {
        var health = new HealthChecks(_time);
        health.AddReadiness("deaf", async _ =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
            return null;
        });
        var check = health.CheckReadinessAsync(Cancellation);
        Assert.False(check.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("no answer within 5 s", Assert.Single((await check).Results).Value);
    }
}
