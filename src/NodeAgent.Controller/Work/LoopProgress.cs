using System.Collections.Concurrent;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Whether the loops of a controller go on. Each says so at every resync; a replica that waits to be elected has none. Safe for
/// concurrent use.
/// </summary>
internal sealed class LoopProgress(TimeProvider time, TimeSpan resync)
{
    /// <summary>Many resyncs, and long enough for a machine that is short of everything.</summary>
    private readonly TimeSpan _limit = resync * 10 > TimeSpan.FromMinutes(5) ? resync * 10 : TimeSpan.FromMinutes(5);

    // By kind: when it last said that it goes on, and whether it has read its objects at all.
    private readonly ConcurrentDictionary<string, (long At, bool HasRead)> _loops = new(StringComparer.Ordinal);

    /// <summary>Counts a loop in.</summary>
    /// <returns>Called by the loop whenever it has gone through its objects.</returns>
    public Action Begin(string kind)
    {
        // Two may go through the objects of one kind.
        var name = kind;
        while (!_loops.TryAdd(name, (time.GetTimestamp(), false))) name += " (another)";
        return () =>
        {
            // One that says so after the end is one that was waited for no longer.
            if (_loops.TryGetValue(name, out var before)) _loops.TryUpdate(name, (time.GetTimestamp(), true), before);
        };
    }

    /// <summary>All loops have ended, as after the loss of the lease.</summary>
    public void End() => _loops.Clear();

    /// <summary>The loops that have been silent for too long; null when there is none. Those that have not read anything yet wait for the API server.</summary>
    public string? Silent() => Named("no progress for {0:0} s with", _loops.Where(l => l.Value.HasRead && time.GetElapsedTime(l.Value.At) > _limit));

    /// <summary>The kinds whose objects are not read yet; null when there is none.</summary>
    public string? Unread() => Named("not read yet:", _loops.Where(l => !l.Value.HasRead));

    private string? Named(string what, IEnumerable<KeyValuePair<string, (long At, bool HasRead)>> loops)
    {
        var named = loops.OrderBy(l => l.Key, StringComparer.Ordinal).ToList();
        return named.Count == 0
            ? null
            : $"{string.Format(System.Globalization.CultureInfo.InvariantCulture, what, named.Max(l => time.GetElapsedTime(l.Value.At)).TotalSeconds)} {string.Join(", ", named.Select(l => l.Key))}";
    }
}
