using NodeAgent.Agent.Volumes;
using NodeAgent.Kubernetes.Tests;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Agent.Tests.Volumes;

/// <summary>How long repositories stay open, and for whom.</summary>
public sealed class RepositoryKeepTests : IAsyncDisposable
{
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(5);

    private readonly string _directory = Directory.CreateTempSubdirectory("keep-test-").FullName;
    private readonly ManualTimeProvider _time = new();
    private readonly RepositoryKeep _keep;
    private int _opened;

    public RepositoryKeepTests() => _keep = new RepositoryKeep(Idle, _time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_repository_is_closed_when_nobody_has_used_it_for_the_idle_time()
    {
        var lease = await TakeAsync();
        // However long a run takes, its repository stays.
        _time.Advance(Idle * 3);
        await lease.Repository.RefreshIndexAsync(Cancellation);
        await lease.DisposeAsync();
        _time.Advance(Idle - TimeSpan.FromSeconds(1));
        await using (var next = await TakeAsync()) Assert.Same(lease.Repository, next.Repository);
        // Counted from its last use.
        _time.Advance(Idle - TimeSpan.FromSeconds(1));
        await lease.Repository.RefreshIndexAsync(Cancellation);
        _time.Advance(TimeSpan.FromSeconds(1));
        await AssertClosedAsync(lease.Repository);
        await using var anew = await TakeAsync();
        Assert.NotSame(lease.Repository, anew.Repository);
        Assert.Equal(2, _opened);
    }

    [Fact]
    public async Task Runs_that_come_at_once_open_one_repository_and_the_last_of_them_leaves_it()
    {
        var leases = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => TakeAsync())));
        Assert.Equal(1, _opened);
        var repository = Assert.Single(leases.Select(l => l.Repository).Distinct());
        foreach (var lease in leases[1..]) await lease.DisposeAsync();
        // Given back twice is given back once.
        await leases[1].DisposeAsync();
        _time.Advance(Idle * 2);
        await repository.RefreshIndexAsync(Cancellation);
        await leases[0].DisposeAsync();
        _time.Advance(Idle);
        await AssertClosedAsync(repository);
    }

    [Fact]
    public async Task What_was_opened_with_something_else_is_never_given_and_ends_with_its_last_run()
    {
        var old = await TakeAsync("one");
        await using (var changed = await TakeAsync("two"))
        {
            Assert.NotSame(old.Repository, changed.Repository);
            await using (var second = await TakeAsync("two")) Assert.Same(changed.Repository, second.Repository);
            // Its run goes on with it.
            await old.Repository.RefreshIndexAsync(Cancellation);
            await old.DisposeAsync();
            await AssertClosedAsync(old.Repository);
            await changed.Repository.RefreshIndexAsync(Cancellation);
        }

        await using var back = await TakeAsync("one");
        Assert.Equal(3, _opened);
    }

    [Fact]
    public async Task What_the_store_has_no_more_is_never_given()
    {
        var old = await TakeAsync();
        await old.DisposeAsync();
        await using var anew = await TakeAsync(isCurrent: false);
        Assert.NotSame(old.Repository, anew.Repository);
        await AssertClosedAsync(old.Repository);
    }

    [Fact]
    public async Task A_store_that_cannot_be_asked_costs_the_run_and_not_the_repository()
    {
        var lease = await TakeAsync();
        await lease.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => _keep.TakeAsync("default", "", _ => throw new IOException("away"), () => throw new InvalidOperationException(), Cancellation));
        await using var next = await TakeAsync();
        Assert.Same(lease.Repository, next.Repository);
    }

    [Fact]
    public async Task One_that_could_not_be_opened_stops_nobody()
    {
        await Assert.ThrowsAsync<IOException>(() => _keep.TakeAsync("default", "", _ => Task.FromResult(true), () => throw new IOException("away"), Cancellation));
        await using var next = await TakeAsync();
        Assert.Equal(1, _opened);
    }

    [Fact]
    public async Task The_agents_end_closes_what_is_idle_and_leaves_the_rest_to_its_run()
    {
        var idle = await TakeAsync(location: "idle");
        await idle.DisposeAsync();
        var used = await TakeAsync(location: "used");
        await _keep.DisposeAsync();
        await AssertClosedAsync(idle.Repository);
        await used.Repository.RefreshIndexAsync(Cancellation);
        await used.DisposeAsync();
        await AssertClosedAsync(used.Repository);
        Assert.Equal(0, _time.PendingTimers);
    }

    [Fact]
    public async Task One_that_met_damage_is_not_kept()
    {
        var lease = await TakeAsync();
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(_directory, "default", "index", "delta")).FullName, $"{new string('0', 16)}-{new string('0', 64)}"), "no segment", Cancellation);
        await lease.Repository.RefreshIndexAsync(Cancellation);
        Assert.Single(lease.Repository.DamagedSegments);
        await lease.DisposeAsync();
        await AssertClosedAsync(lease.Repository);
    }

    public async ValueTask DisposeAsync()
    {
        await _keep.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static async Task AssertClosedAsync(ChunkRepository repository) => await Assert.ThrowsAsync<ObjectDisposedException>(() => repository.RefreshIndexAsync(Cancellation));

    private Task<RepositoryLease> TakeAsync(string identity = "", bool isCurrent = true, string location = "default") =>
        _keep.TakeAsync(location, identity, _ => Task.FromResult(isCurrent), () => OpenAsync(location, identity), Cancellation);

    private async Task<KeptRepository> OpenAsync(string location, string identity)
    {
        Interlocked.Increment(ref _opened);
        var store = new DirectoryStore(Path.Combine(_directory, location));
        using var secret = RepositorySecret.FromKey(new byte[RepositorySecret.KeyLength]);
        if (await OpeningState.ReadAsync(store, Cancellation) is null) await (await ChunkRepository.InitializeAsync(store, secret, new RepositoryParameters(), TimeProvider.System, Cancellation)).DisposeAsync();
        store = new DirectoryStore(Path.Combine(_directory, location));
        return new KeptRepository(location, identity, await OpeningState.ReadAsync(store, Cancellation), store, await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { IndexCacheDirectory = null }, Cancellation));
    }
}
