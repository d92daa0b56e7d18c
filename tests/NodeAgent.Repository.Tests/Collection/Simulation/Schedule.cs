using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// One random history: writers, collectors, and someone who forgets snapshots and takes them back, all at once. Then quiet, in which what is garbage must go.
/// </summary>
internal sealed class Schedule
{
    private const int Chunks = 7;
    private const int MaxSteps = 60_000;

    private readonly VirtualWorld _world;
    private readonly Temper _temper;
    private readonly SimulatedState _state;
    private readonly OmittedSteps _omitted;
    private readonly List<Exception> _unexpected = [];

    private Schedule(int seed, OmittedSteps omitted, Func<Temper, Temper>? focus, bool traces)
    {
        _world = new VirtualWorld(seed, traces);
        _temper = Temper.Draw(_world.Random);
        _temper = focus?.Invoke(_temper) ?? _temper;
        _state = new SimulatedState(_world, _temper);
        _omitted = omitted;
    }

    public ScheduleStatistics Statistics { get; } = new();

    /// <summary>Runs one; returns what is wrong, or null.</summary>
    public static string? Run(int seed, OmittedSteps omitted, Func<Temper, Temper>? focus = null, ScheduleStatistics? statistics = null, List<string>? trace = null)
    {
        var schedule = new Schedule(seed, omitted, focus, trace is not null);
        var why = schedule.Execute();
        trace?.AddRange(schedule._world.Trace);
        statistics?.Add(schedule.Statistics);
        return why;
    }

    private string? Execute()
    {
        var random = _world.Random;
        if (_world.Traces) _world.Say("--", _temper.ToString());
        // Some snapshots to begin with.
        Start(() => WriteAsync("w0", Temper.Calm(_temper.Exclusive), random.Next(1, 4)));
        if (!_world.Run(MaxSteps) || _unexpected.Count > 0) return Failure("the beginning");
        var writers = random.Next(1, 4);
        for (var i = 1; i <= writers; i++)
        {
            var name = $"w{i}";
            Start(() => WriteAsync(name, _temper, random.Next(1, 3)), TimeSpan.FromMinutes(random.Next(60 * _temper.SpreadHours)));
        }

        var collectors = random.Next(1, _temper.Collectors + 1);
        for (var i = 1; i <= collectors; i++)
        {
            var name = $"g{i}";
            Start(() => CollectAsync(name, _temper, random.Next(1, 4)), TimeSpan.FromMinutes(random.Next(60 * _temper.SpreadHours)));
        }

        if (_temper.Rebuilds) Start(() => RebuildAsync("m1", random.Next(1, 4)), TimeSpan.FromMinutes(random.Next(60 * _temper.SpreadHours)));
        Start(() => ForgetAsync("f1", random.Next(1, 4)), TimeSpan.FromMinutes(random.Next(30 * _temper.SpreadHours)));
        if (random.Next(3) == 0) Start(() => ForgetAsync("f2", random.Next(1, 3)));
        if (!_world.Run(MaxSteps)) return "it does not come to an end";
        return Failure("the schedule") ?? Quiet();
    }

    /// <summary>Nobody writes any more. A few collections, days apart, must leave nothing that is not used.</summary>
    private string? Quiet()
    {
        string? garbage = null;
        for (var run = 0; run < 6; run++)
        {
            _world.At(run == 0 ? TimeSpan.FromHours(80) : TimeSpan.FromHours(2), static () => { });
            if (!_world.Run(MaxSteps)) return "the quiet does not come";
            _world.Say("--", "quiet");
            Start(() => CollectOnceAsync(new SimulatedStore(_state, "q", Temper.Calm(_temper.Exclusive)), new CollectionOptions { MaxUnusedShare = 0, ForgetGrace = TimeSpan.Zero }));
            if (!_world.Run(MaxSteps)) return "a quiet collection does not come to an end";
            if (Failure("the quiet") is { } failure) return failure;
            garbage = _omitted == OmittedSteps.None ? Garbage() : null;
            if (garbage is null) break;
        }

        Statistics.Snapshots += _state.Under("snap/").Count();
        return garbage;
    }

    private string? Garbage()
    {
        var used = _state.Under("snap/").SelectMany(s => ((SimulatedSnapshot)s.Value.Content).Chunks).ToHashSet();
        var live = _state.LivePacks();
        foreach (var (key, stored) in _state.Under(PackId.Prefix))
        {
            var pack = (PackContents)stored.Content;
            if (!live.Contains(pack.Pack)) return $"garbage stays: {key} is in no index";
            if (!pack.Chunks.Any(c => used.Contains(c.Id))) return $"garbage stays: nothing uses {key}";
        }

        var sum = live.Sum(p => ((PackContents)_state.Objects[p.Key].Content).Chunks.Count);
        if (sum != used.Count) return $"garbage stays: {sum} chunks are stored, {used.Count} are used";
        if (_state.Under("forget/").Any()) return "a forget mark stays";
        if (_state.Under("gc/").FirstOrDefault().Key is { } record) return $"a record stays: {record}";
        var sessions = _state.Under("sess/").Select(s => s.Key.Split('/')[1]).Distinct().Count();
        return sessions > 1 ? $"{sessions} sessions stay" : null;
    }

    private string? Failure(string when) => _state.Violation
        ?? (_unexpected.Count > 0 ? $"in {when}: {_unexpected[0].GetType().Name}: {_unexpected[0].Message}" : null);

    private async Task WriteAsync(string name, Temper temper, int backups)
    {
        SimulatedStore store = new(_state, name, temper);
        var index = new SimulatedIndex(store);
        for (var i = 0; i < backups; i++)
        {
            var wanted = Enumerable.Range(0, Chunks).Where(_ => _world.Chance(0.4)).Select(SimulatedState.Chunk).ToList();
            if (wanted.Count == 0) wanted.Add(SimulatedState.Chunk(0));
            Statistics.Backups++;
            try
            {
                await new SimulatedBackup(store, index, wanted, _omitted).ExecuteAsync();
                Statistics.Published++;
            }
            catch (SessionRevokedException)
            {
                Statistics.Revoked++;
            }
            catch (SnapshotAbandonedException)
            {
                Statistics.Abandoned++;
            }
            catch (StoreException)
            {
                Statistics.Failed++;
            }

            if (_world.Chance(0.3)) await _world.DelayAsync(TimeSpan.FromHours(30 * _world.Random.NextDouble()));
        }
    }

    private async Task CollectAsync(string name, Temper temper, int runs)
    {
        for (var i = 0; i < runs; i++)
        {
            var random = _world.Random;
            var options = new CollectionOptions
            {
                MaxUnusedShare = random.Next(3) switch { 0 => 0, 1 => 0.3, _ => 1 },
                ForgetGrace = random.Next(3) switch { 0 => TimeSpan.Zero, 1 => TimeSpan.FromHours(1), _ => TimeSpan.FromHours(24) },
                Wait = random.Next(4) != 0,
                Segments = SegmentOptions(),
            };
            try
            {
                await CollectOnceAsync(new SimulatedStore(_state, name, temper), options);
            }
            catch (Exception exception) when (exception is StoreException or SessionRevokedException or FenceExpiredException)
            {
                Statistics.FailedCollections++;
            }

            if (_world.Chance(0.5)) await _world.DelayAsync(TimeSpan.FromHours(random.Next(2) == 0 ? 2 : 40) * random.NextDouble());
        }
    }

    private async Task RebuildAsync(string name, int runs)
    {
        for (var i = 0; i < runs; i++)
        {
            try
            {
                var store = new SimulatedStore(_state, name, _temper);
                var rebuild = new SimulatedRebuild(store, new SimulatedRecords(store, _state.NewSession()), SegmentOptions());
                Statistics.Merged += (await rebuild.ExecuteAsync()).Replaced;
                Statistics.NamedAgain += rebuild.NamedAgain;
            }
            catch (StoreException)
            {
                Statistics.FailedCollections++;
            }

            if (_world.Chance(0.5)) await _world.DelayAsync(TimeSpan.FromHours(_world.Random.Next(2) == 0 ? 2 : 40) * _world.Random.NextDouble());
        }
    }

    /// <summary>Some merge whatever there is.</summary>
    private SegmentRewriteOptions SegmentOptions() => new() { Most = _world.Random.Next(2) == 0 ? 2 : 64 };

    private async Task CollectOnceAsync(SimulatedStore store, CollectionOptions options)
    {
        using var collector = new Collector(new SimulatedRecords(store, _state.NewSession()), options, CollectionTimes.Default, null, _omitted);
        var report = await collector.ExecuteAsync(SimulatedRecords.Announcement, CancellationToken.None);
        Statistics.Deleted += report.DeletedPacks;
        Statistics.Absolved += report.AbsolvedPacks;
    }

    private async Task ForgetAsync(string name, int times)
    {
        SimulatedStore store = new(_state, name, _temper);
        for (var i = 0; i < times; i++)
        {
            var random = _world.Random;
            if (_world.Chance(0.5)) await _world.DelayAsync(TimeSpan.FromHours(3 * random.NextDouble()));
            try
            {
                var snapshots = (await ForgetMarks.ListSnapshotsAsync(store, CancellationToken.None)).Values.ToList();
                if (snapshots.Count == 0) continue;
                var chosen = snapshots[random.Next(snapshots.Count)];
                var records = new SimulatedRecords(store, _state.NewSession());
                await records.ForgetAsync(chosen);
                if (_world.Chance(0.5)) continue;
                await _world.DelayAsync(TimeSpan.FromHours(random.Next(2) == 0 ? 1.5 : 26) * random.NextDouble());
                var life = new SessionLife(store, records, _omitted);
                await life.AnnounceAsync(SimulatedRecords.Announcement, CancellationToken.None);
                var removal = await ForgetMarks.RemoveAsync(store, records, chosen, CollectionTimes.Default, _omitted, CancellationToken.None);
                if (removal.IsDone) Statistics.TakenBack++;
                if (!removal.IsInDoubt) await life.EndAsync(SimulatedRecords.Announcement, CancellationToken.None);
            }
            catch (Exception exception) when (exception is StoreException or SessionRevokedException or FenceExpiredException)
            {
                Statistics.Failed++;
            }
        }
    }

    private void Start(Func<Task> actor, TimeSpan delay = default) => _world.At(delay, () => _ = GuardAsync(actor));

    private async Task GuardAsync(Func<Task> actor)
    {
        try
        {
            await actor();
        }
        catch (CollectionRefusedException exception) when (exception.Message.Contains("run it again", StringComparison.Ordinal))
        {
            Statistics.FailedCollections++;
        }
        catch (Exception exception)
        {
            _unexpected.Add(exception);
        }
    }
}
