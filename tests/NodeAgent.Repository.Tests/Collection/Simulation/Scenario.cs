using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// A directed schedule: the actors of the simulator, held and let go where the script says. For the races that need several processes to freeze at
/// one point each, in one order, and that chance meets too seldom.
/// </summary>
internal sealed class Scenario
{
    private readonly VirtualWorld _world = new(1, traces: true);
    private readonly OmittedSteps _omitted;
    private readonly bool _exclusive;
    private readonly List<Exception> _unexpected = [];

    private Scenario(OmittedSteps omitted, bool exclusive)
    {
        (_omitted, _exclusive) = (omitted, exclusive);
        State = new SimulatedState(_world, Temper.Calm(exclusive));
    }

    public SimulatedState State { get; }

    /// <summary>What went wrong, or null.</summary>
    public string? Violation => State.Violation ?? (_unexpected.Count > 0 ? _unexpected[0].ToString() : null);

    public string Trace => string.Join('\n', _world.Trace);

    /// <summary>Runs a script to its end.</summary>
    public static Scenario Run(OmittedSteps omitted, bool exclusive, Func<Scenario, Task> script)
    {
        var scenario = new Scenario(omitted, exclusive);
        SimulationTests.Quietly(() =>
        {
            var running = scenario.GuardAsync(() => script(scenario));
            if (!scenario._world.Run(100_000)) scenario._unexpected.Add(new InvalidOperationException("the script does not come to an end"));
            else if (!running.IsCompleted) scenario._unexpected.Add(new InvalidOperationException("the script waits for what does not happen"));
            return null;
        });
        return scenario;
    }

    /// <summary>Holds an actor before a request, the one after so many others like it.</summary>
    public Gate Hold(string actor, string at, int skip = 0) => Add(new Gate(actor, at, skip));

    /// <summary>Lets a request of an actor fail.</summary>
    public void Fail(string actor, string at, int skip = 0)
    {
        Add(new Gate(actor, at, skip) { Fails = true }).Open();
    }

    /// <summary>Lets a change take effect later, while its sender gets no answer.</summary>
    public void Lose(string actor, string key, TimeSpan later) => Add(new Gate(actor, $"lose {key}", 0) { Lost = later });

    /// <summary>A change that was sent again after no answer takes effect now, and once more later.</summary>
    public void Repeat(string actor, string key, TimeSpan later) => Add(new Gate(actor, $"repeat {key}", 0) { Lost = later });

    public Task PassAsync(TimeSpan time) => _world.DelayAsync(time);

    public Task PassAsync(double hours) => _world.DelayAsync(TimeSpan.FromHours(hours));

    /// <summary>A backup of chunks; returns its snapshot, if it came to that.</summary>
    public async Task<SnapshotId?> BackUpAsync(string actor, params int[] chunks)
    {
        var store = StoreOf(actor);
        var backup = new SimulatedBackup(store, new SimulatedIndex(store), [.. chunks.Select(SimulatedState.Chunk)], _omitted, isSteady: true);
        await GuardAsync(backup.ExecuteAsync);
        return backup.Snapshot == default ? null : backup.Snapshot;
    }

    public Task ForgetAsync(string actor, SnapshotId? snapshot) => GuardAsync(() => new SimulatedRecords(StoreOf(actor), State.NewSession()).ForgetAsync(snapshot!.Value));

    /// <summary>Takes a snapshot back.</summary>
    public Task UnforgetAsync(string actor, SnapshotId? snapshot) => GuardAsync(async () =>
    {
        var store = StoreOf(actor);
        var records = new SimulatedRecords(store, State.NewSession());
        var life = new SessionLife(store, records, _omitted);
        await life.AnnounceAsync(SimulatedRecords.Announcement, CancellationToken.None);
        var removal = await ForgetMarks.RemoveAsync(store, records, snapshot!.Value, CollectionTimes.Default, _omitted, CancellationToken.None);
        if (!removal.IsInDoubt) await life.EndAsync(SimulatedRecords.Announcement, CancellationToken.None);
    });

    /// <summary>A collection that drops what is forgotten at once. A greedy one rewrites every pack in which anything is not used, another none.</summary>
    public async Task CollectAsync(string actor, bool isGreedy = false, bool waits = true)
    {
        var options = new CollectionOptions { MaxUnusedShare = isGreedy ? 0 : 1, ForgetGrace = TimeSpan.Zero, Wait = waits };
        using var collector = new Collector(new SimulatedRecords(StoreOf(actor), State.NewSession()), options, CollectionTimes.Default, null, _omitted);
        await GuardAsync(() => collector.ExecuteAsync(SimulatedRecords.Announcement, CancellationToken.None));
    }

    /// <summary>A rebuild of the index, which merges whatever it finds.</summary>
    public Task RebuildAsync(string actor) => GuardAsync(() =>
    {
        var store = StoreOf(actor);
        return new SimulatedRebuild(store, new SimulatedRecords(store, State.NewSession()), new SegmentRewriteOptions { Most = 1 }).ExecuteAsync();
    });

    /// <summary>Somebody removes an object by hand.</summary>
    public void RemoveByHand(string key)
    {
        _world.Say("hand", $"removes {key}");
        State.Objects.Remove(key);
        State.Forget();
    }

    private SimulatedStore StoreOf(string actor) => new(State, actor, Temper.Calm(_exclusive));

    private Gate Add(Gate gate)
    {
        State.Gates.Add(gate);
        return gate;
    }

    private async Task GuardAsync(Func<Task> actor)
    {
        try
        {
            await actor();
        }
        catch (Exception exception) when (exception is StoreException or SessionRevokedException or SnapshotAbandonedException or FenceExpiredException)
        {
            _world.Say("--", exception.Message);
        }
        catch (Exception exception)
        {
            _unexpected.Add(exception);
        }
    }
}
