using System.Globalization;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// Time and chance of one schedule. Everything that waits is a step on one queue; the next one is always the earliest, so a schedule is
/// the same each time for one seed. One thread.
/// </summary>
internal sealed class VirtualWorld(int seed, bool traces)
{
    private readonly PriorityQueue<Action, (long Time, int Order)> _queue = new();
    private readonly List<string> _trace = [];
    private int _order;

    public Random Random { get; } = new(seed);

    public DateTimeOffset Now { get; private set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public bool Traces => traces;

    public IEnumerable<string> Trace => _trace;

    public void Say(string who, string what)
    {
        if (traces) _trace.Add(string.Create(CultureInfo.InvariantCulture, $"{(Now - new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)).TotalSeconds,12:0.000} s  {who,-6} {what}"));
    }

    public bool Chance(double probability) => Random.NextDouble() < probability;

    /// <summary>Does something later.</summary>
    public void At(TimeSpan later, Action action) => _queue.Enqueue(action, ((Now + later).Ticks, _order++));

    public Task DelayAsync(TimeSpan time)
    {
        var step = new TaskCompletionSource();
        At(time, step.SetResult);
        return step.Task;
    }

    /// <summary>Goes on until nothing is left to do. False when there is no end to it.</summary>
    public bool Run(int steps)
    {
        while (_queue.TryDequeue(out var action, out var at))
        {
            if (steps-- == 0) return false;
            Now = new DateTimeOffset(at.Time, TimeSpan.Zero);
            action();
        }

        return true;
    }
}
