using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Leadership;

namespace NodeAgent.Kubernetes.Tests.Leadership;

public sealed class LeaseElectorTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly LeaseServer _lease = new();
    private readonly List<Candidate> _candidates = [];

    [Fact]
    public async Task One_leads_and_the_next_follows_as_soon_as_the_lease_is_released()
    {
        await using var server = await _lease.StartAsync();
        await using var first = Start("first", server);
        await Eventually.HoldsAsync(() => first.Leads, "the first leader");
        Assert.Equal(("first", "15", "0"), (_lease.Spec("holderIdentity"), _lease.Spec("leaseDurationSeconds"), _lease.Spec("leaseTransitions")));
        await using var second = Start("second", server);
        await AdvanceAsync(() => server.Requests.Count(r => r.Header("Authorization") == "Bearer second") >= 5, "the second's tries");
        Assert.False(second.Leads);

        await first.StopAsync();
        Assert.Null(_lease.Spec("holderIdentity"));
        var released = _time.GetUtcNow();
        await AdvanceAsync(() => second.Leads, "the second leader");
        Assert.True(_time.GetUtcNow() - released < TimeSpan.FromSeconds(5), "a released lease was waited for");
        Assert.Equal(("second", "1"), (_lease.Spec("holderIdentity"), _lease.Spec("leaseTransitions")));
    }

    [Fact]
    public async Task A_leader_that_is_cut_off_stops_before_the_next_one_starts()
    {
        await using var server = await _lease.StartAsync();
        await using var first = Start("first", server);
        await Eventually.HoldsAsync(() => first.Leads, "the first leader");
        await using var second = Start("second", server);
        await AdvanceAsync(() => _lease.Spec("renewTime") != _lease.Spec("acquireTime"), "a renewal");
        _lease.CutOff["first"] = true;
        var cutOff = _time.GetUtcNow();
        await AdvanceAsync(() => second.Leads, "the second leader");
        Assert.False(first.Leads);
        Assert.InRange(first.EndedAt!.Value - cutOff, TimeSpan.Zero, TimeSpan.FromSeconds(10.5));
        Assert.True(second.BeganAt > first.EndedAt, $"two led from {second.BeganAt:O} to {first.EndedAt:O}");
        await Assert.ThrowsAsync<LeadershipLostException>(() => first.Running);
    }

    [Theory]
    [InlineData("2001-01-01T00:00:00.000000Z")]
    [InlineData("2099-01-01T00:00:00.000000Z")]
    public async Task Anothers_clock_is_not_trusted(string renewTime)
    {
        _lease.Set("other", renewTime, seconds: 20);
        await using var server = await _lease.StartAsync();
        var start = _time.GetUtcNow();
        await using var candidate = Start("me", server);
        await Eventually.HoldsAsync(() => !server.Requests.IsEmpty, "the first look");
        await AdvanceAsync(() => candidate.Leads, "the takeover");
        Assert.InRange(candidate.BeganAt!.Value - start, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(27));
        Assert.Equal(("me", "5", "kept"), (_lease.Spec("holderIdentity"), _lease.Spec("leaseTransitions"), _lease.Spec("strategy")));
    }

    [Fact]
    public async Task A_lease_that_changes_is_alive_whatever_its_times_say()
    {
        await using var server = await _lease.StartAsync();
        _lease.Set("other", "2001-01-01T00:00:00.000000Z");
        await using var candidate = Start("me", server);
        for (var i = 1; i < 60; i++)
        {
            await AdvanceAsync(TimeSpan.FromSeconds(1));
            if (i % 5 == 0) _lease.Set("other", $"2001-01-01T00:00:{i:00}.000000Z");
        }

        Assert.False(candidate.Leads);
    }

    [Fact]
    public async Task A_leader_whose_lease_was_taken_stops()
    {
        await using var server = await _lease.StartAsync();
        await using var first = Start("first", server);
        await Eventually.HoldsAsync(() => first.Leads, "the first leader");
        _lease.Set("thief", "2026-01-31T12:00:00.000000Z");
        await AdvanceAsync(() => !first.Leads, "the end");
        await Assert.ThrowsAsync<LeadershipLostException>(() => first.Running);
        Assert.Equal("thief", _lease.Spec("holderIdentity"));
    }

    [Fact]
    public async Task Work_that_takes_long_to_end_keeps_its_lease_until_then()
    {
        await using var server = await _lease.StartAsync();
        var drained = new TaskCompletionSource();
        await using var first = Start("first", server, drained.Task);
        await Eventually.HoldsAsync(() => first.Leads, "the first leader");
        await using var second = Start("second", server);
        var stopping = first.StopAsync();
        for (var i = 0; i < 60; i++) await AdvanceAsync(TimeSpan.FromSeconds(0.5));
        Assert.False(second.Leads);
        drained.SetResult();
        await stopping;
        await AdvanceAsync(() => second.Leads, "the second leader");
    }

    [Fact]
    public async Task A_process_started_anew_in_its_place_does_not_wait_for_the_lease_of_the_one_that_was_killed_there()
    {
        await using var server = await _lease.StartAsync();
        await using var killed = Start("pod_1", server);
        await Eventually.HoldsAsync(() => killed.Leads, "the first leader");
        _lease.CutOff["pod_1"] = true;
        await using var elsewhere = Start("pod2_1", server);
        await using var anew = Start("pod_2", server);
        await Eventually.HoldsAsync(() => anew.Leads, "its successor, without time passing");
        Assert.Equal(("pod_2", "1"), (_lease.Spec("holderIdentity"), _lease.Spec("leaseTransitions")));
        for (var i = 0; i < 60; i++) await AdvanceAsync(TimeSpan.FromSeconds(0.5));
        Assert.False(elsewhere.Leads);
    }

    [Fact]
    public async Task Work_that_fails_releases_the_lease_and_its_failure_is_told()
    {
        await using var server = await _lease.StartAsync();
        using var client = new ApiClient(ClusterConfig.ForServer(server.Address, "me"), new ApiClientOptions { Time = _time });
        var elector = new LeaseElector(client, Options("me"), NullLogger.Instance);
        await Assert.ThrowsAsync<FormatException>(() => elector.RunAsync(_ => throw new FormatException("on purpose"), TestContext.Current.CancellationToken));
        Assert.Null(_lease.Spec("holderIdentity"));
        Assert.False(elector.IsLeader);
    }

    [Fact]
    public async Task Of_many_that_start_at_once_one_leads()
    {
        await using var server = await _lease.StartAsync();
        var candidates = Enumerable.Range(0, 8).Select(i => Start($"c{i}", server)).ToList();
        await Eventually.HoldsAsync(() => candidates.Any(c => c.Leads), "a leader");
        for (var i = 0; i < 20; i++)
        {
            await AdvanceAsync(TimeSpan.FromSeconds(1));
            Assert.Single(candidates, c => c.Leads);
        }

        foreach (var candidate in candidates) await candidate.DisposeAsync();
    }

    [Fact]
    public void Options_that_allow_two_leaders_are_refused()
    {
        using var client = new ApiClient(ClusterConfig.ForServer(new Uri("http://127.0.0.1:1")));
        var options = Options("me") with { RenewDeadline = TimeSpan.FromSeconds(15), RetryPeriod = TimeSpan.FromSeconds(15) };
        var error = Assert.Throws<ArgumentException>(() => new LeaseElector(client, options, NullLogger.Instance));
        Assert.Contains("RenewDeadline: it must be shorter than LeaseDuration", error.Message, StringComparison.Ordinal);
        Assert.Contains("RetryPeriod", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => new LeaseElector(client, Options("me") with { Place = "pod_" }, NullLogger.Instance));
        Assert.Contains("Place: Identity must begin with it", error.Message, StringComparison.Ordinal);
    }

    private static LeaseElectorOptions Options(string identity) => new() { Namespace = "velero", Name = "controller", Identity = identity, Place = identity[..(identity.IndexOf('_') + 1)] };

    private async Task AdvanceAsync(Func<bool> condition, string what)
    {
        for (var i = 0; i < 400 && !condition(); i++) await AdvanceAsync(TimeSpan.FromSeconds(0.25));
        Assert.True(condition(), $"{what} did not come about");
    }

    /// <summary>Moves the clock, and lets requests be answered first: on a busy machine they would else seem to take for ever.</summary>
    private async Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        await Task.Delay(2, TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync(
            () => !_candidates.Exists(c => !_lease.CutOff.ContainsKey(c.Name) && _time.IsPending(c.RequestTimeout)), "the answers to all requests");
    }

    private Candidate Start(string name, TestServer server, Task? drain = null)
    {
        // The limit of its requests tells whose they are.
        var candidate = new Candidate(name, server, _time, TimeSpan.FromSeconds(60 + _candidates.Count), drain);
        _candidates.Add(candidate);
        return candidate;
    }

    private sealed class Candidate : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly ApiClient _client;

        public Candidate(string name, TestServer server, ManualTimeProvider time, TimeSpan requestTimeout, Task? drain)
        {
            (Name, RequestTimeout) = (name, requestTimeout);
            _client = new ApiClient(ClusterConfig.ForServer(server.Address, name), new ApiClientOptions { Time = time, MaxRetries = 0, RequestTimeout = requestTimeout });
            Running = new LeaseElector(_client, Options(name), NullLogger.Instance).RunAsync(
                async lead =>
                {
                    BeganAt = time.GetUtcNow();
                    Leads = true;
                    var ended = new TaskCompletionSource();
                    await using var registration = lead.Register(() =>
                    {
                        EndedAt = time.GetUtcNow();
                        ended.SetResult();
                    });
                    await ended.Task;
                    if (drain is not null) await drain;
                    Leads = false;
                },
                _stop.Token);
        }

        public string Name { get; }

        public TimeSpan RequestTimeout { get; }

        public Task Running { get; }

        public bool Leads { get; private set; }

        public DateTimeOffset? BeganAt { get; private set; }

        public DateTimeOffset? EndedAt { get; private set; }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await Running;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            // A candidate that never led ends as cancelled, one that lost its lease has told so already.
            await Running.ContinueWith(static _ => { }, TaskScheduler.Default);
            _stop.Dispose();
            _client.Dispose();
        }
    }
}
