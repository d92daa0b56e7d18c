using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Tests.S3;

public sealed class ConcurrencyLimiterTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_more_than_the_limit_are_admitted_and_the_rest_in_order()
    {
        var limiter = new ConcurrencyLimiter(2);
        var first = await limiter.AcquireAsync(Stop);
        await limiter.AcquireAsync(Stop);
        var third = limiter.AcquireAsync(Stop).AsTask();
        var fourth = limiter.AcquireAsync(Stop).AsTask();
        Assert.False(third.IsCompleted);
        limiter.Release(first, RequestOutcome.Failed);
        var admission = await third;
        Assert.False(fourth.IsCompleted);
        limiter.Release(admission, RequestOutcome.Failed);
        await fourth;
    }

    [Fact]
    public async Task Requests_that_are_refused_together_halve_the_limit_once()
    {
        var limiter = new ConcurrencyLimiter(16);
        var together = new List<long>();
        for (var i = 0; i < 16; i++) together.Add(await limiter.AcquireAsync(Stop));
        foreach (var admission in together) limiter.Release(admission, RequestOutcome.Throttled);
        Assert.Equal(8, limiter.Limit);
        limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Throttled);
        Assert.Equal(4, limiter.Limit);
    }

    [Fact]
    public async Task The_limit_never_falls_below_one_and_grows_back_by_one_for_each_round_of_successes()
    {
        var limiter = new ConcurrencyLimiter(4);
        for (var i = 0; i < 10; i++) limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Throttled);
        Assert.Equal(1, limiter.Limit);
        limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Succeeded);
        Assert.Equal(2, limiter.Limit);
        limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Succeeded);
        Assert.Equal(2, limiter.Limit);
        for (var i = 0; i < 1000; i++) limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Succeeded);
        Assert.Equal(4, limiter.Limit);
    }

    [Fact]
    public async Task Who_stops_waiting_takes_no_place()
    {
        var limiter = new ConcurrencyLimiter(1);
        var running = await limiter.AcquireAsync(Stop);
        using var impatient = new CancellationTokenSource();
        var given = limiter.AcquireAsync(impatient.Token).AsTask();
        var patient = limiter.AcquireAsync(Stop).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        limiter.Release(running, RequestOutcome.Succeeded);
        limiter.Release(await patient, RequestOutcome.Succeeded);
        limiter.Release(await limiter.AcquireAsync(Stop), RequestOutcome.Succeeded);
    }
}
