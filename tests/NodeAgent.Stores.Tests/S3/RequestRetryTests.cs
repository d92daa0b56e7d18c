using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.S3;

public sealed class RequestRetryTests
{
    private static readonly RetryOptions Patience = new() { GiveUpAfter = TimeSpan.FromMinutes(15), GiveUpFirstContactAfter = TimeSpan.FromMinutes(2) };

    private readonly JumpingTime _time = new();
    private readonly List<string> _troubles = [];
    private int _attempts;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private RequestRetry Create(RetryOptions? options = null) =>
        new(options ?? Patience, exception => S3Failure.Of(exception, new S3StoreOptions { Bucket = "shop" }), _troubles.Add, _time, new Random(1));

    private ValueTask<int> RunAsync(RequestRetry retry, Func<int, Exception?> fails) => retry.RunAsync(
        "writing", "x", _ => fails(++_attempts) is { } failure ? throw failure : ValueTask.FromResult(_attempts), Stop);

    private static S3RequestException Answer(int status, string code = "") => new(status, code, "said", null);

    private static HttpRequestException Refused() => new("refused", new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.ConnectionRefused));

    [Fact]
    public async Task Waits_add_up_until_the_time_is_over_and_a_last_attempt_is_made_then()
    {
        var error = await Assert.ThrowsAsync<StoreException>(async () => await RunAsync(Create(), _ => Answer(500)));
        Assert.Equal(Patience.GiveUpAfter, _time.Passed);
        Assert.Equal($"writing x: HTTP 500: said; given up after {_attempts} attempts in 900 s", error.Message);
        Assert.All(_time.Waits, wait => Assert.InRange(wait, TimeSpan.Zero, Patience.MaxDelay));
        // Drawn from up to 20 s the average is 10 s; the budget of a lone request does not slow it down.
        Assert.InRange(_attempts, 60, 140);
    }

    [Fact]
    public async Task An_endpoint_that_never_answered_is_given_up_sooner_than_one_that_did()
    {
        await Assert.ThrowsAsync<StoreException>(async () => await RunAsync(Create(), _ => Refused()));
        Assert.Equal(Patience.GiveUpFirstContactAfter, _time.Passed);
        var known = Create();
        await RunAsync(known, _ => null);
        await Assert.ThrowsAsync<StoreException>(async () => await RunAsync(known, _ => Refused()));
        Assert.Equal(Patience.GiveUpFirstContactAfter + Patience.GiveUpAfter, _time.Passed);
    }

    [Fact]
    public async Task A_request_that_hung_for_longer_than_the_patience_is_repeated_once_all_the_same()
    {
        var result = await RunAsync(Create(), attempt =>
        {
            if (attempt > 1) return null;
            _time.Advance(TimeSpan.FromHours(1));
            return Answer(504);
        });
        Assert.Equal(2, result);
    }

    [Fact]
    public async Task Retries_of_many_requests_in_an_outage_are_held_to_the_budget()
    {
        var retry = Create();
        for (var i = 0; i < 40; i++) await Assert.ThrowsAsync<StoreException>(async () => await RunAsync(retry, _ => Answer(503)));
        // Each of the 40 went through its quarter of an hour one after the other: no more retries than one in two seconds, and the first ten.
        Assert.InRange(_attempts - 40, 0, 10 + (_time.Passed.TotalSeconds / 2));
    }

    [Fact]
    public async Task Troubles_are_told_from_the_second_failure_on_and_twice_a_minute_at_most()
    {
        await RunAsync(Create(), attempt => attempt == 1 ? Answer(500) : null);
        Assert.Empty(_troubles);
        await Assert.ThrowsAsync<StoreException>(async () => await RunAsync(Create(), _ => Answer(500)));
        Assert.InRange(_troubles.Count, 10, 31);
        Assert.All(_troubles, trouble => Assert.Equal("writing x: HTTP 500: said; trying again", trouble));
    }

    [Fact]
    public async Task What_is_no_failure_of_a_request_passes_through()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await RunAsync(Create(), _ => new InvalidOperationException("a fault")));
        Assert.Equal(1, _attempts);
    }
}
