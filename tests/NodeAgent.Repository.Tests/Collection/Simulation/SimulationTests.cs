using System.Diagnostics;
using System.Globalization;
using NodeAgent.Repository.Collection;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// The protocol of collection under random schedules: 20,000 here, as many as NODEAGENT_SCHEDULES says otherwise. A failure prints its seed;
/// NODEAGENT_SEED then runs that schedule alone, with everything that happened in it.
/// </summary>
public sealed class SimulationTests
{
    private const int Parts = 4;

    [Fact]
    public void Visible_snapshots_stay_restorable_and_garbage_goes_first_part() => Run(0);

    [Fact]
    public void Visible_snapshots_stay_restorable_and_garbage_goes_second_part() => Run(1);

    [Fact]
    public void Visible_snapshots_stay_restorable_and_garbage_goes_third_part() => Run(2);

    [Fact]
    public void Visible_snapshots_stay_restorable_and_garbage_goes_fourth_part() => Run(3);

    private static void Run(int part)
    {
        var statistics = new ScheduleStatistics();
        var watch = Stopwatch.StartNew();
        if (Environment.GetEnvironmentVariable("NODEAGENT_SEED") is { Length: > 0 } && Environment.GetEnvironmentVariable("NODEAGENT_SCHEDULES") is null)
        {
            if (part == 0 && Quietly(() => Schedule.Run(FirstSeed(), OmittedSteps.None, null, statistics)) is { } found) Assert.Fail(Explain(FirstSeed(), found));
            return;
        }

        var count = (int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SCHEDULES"), CultureInfo.InvariantCulture, out var given) ? given : 20_000) / Parts;
        var first = FirstSeed() + (part * count);
        for (var seed = first; seed < first + count; seed++)
        {
            if (Quietly(() => Schedule.Run(seed, OmittedSteps.None, null, statistics)) is { } why) Assert.Fail(Explain(seed, why));
        }

        Print($"{count} schedules from seed {first} in {watch.Elapsed.TotalSeconds:0.0} s: {statistics}");
        Assert.True(statistics.Published > count / 2 && statistics.Deleted > count / 4 && statistics.Absolved > 0, statistics.ToString());
    }

    /// <summary>Runs on this thread alone.</summary>
    internal static string? Quietly(Func<string?> run)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private static string Explain(int seed, string why)
    {
        var trace = new List<string>();
        Quietly(() => Schedule.Run(seed, OmittedSteps.None, null, null, trace));
        return $"NODEAGENT_SEED={seed}: {why}\n{string.Join('\n', trace.TakeLast(300))}";
    }

    internal static int FirstSeed() =>
        int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next(1_000_000_000);

    internal static void Print(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);
}
