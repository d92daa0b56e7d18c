using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using NodeAgent.Repository.Collection;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// The protocol of collection under random schedules, on all cores: 20,000 here, as many as NODEAGENT_SCHEDULES says otherwise. A failure prints its seed;
/// NODEAGENT_SEED then runs that schedule alone, with everything that happened in it.
/// </summary>
public sealed class SimulationTests
{
    private const int Default = 20_000;

    /// <summary>Failures after which it stops.</summary>
    private const int Enough = 10;

    private static readonly TimeSpan Tell = TimeSpan.FromSeconds(30);

    [Fact]
    public void Visible_snapshots_stay_restorable_and_garbage_goes()
    {
        if (Setting("NODEAGENT_SEED") is { } only && Setting("NODEAGENT_SCHEDULES") is null)
        {
            if (Quietly(() => Schedule.Run(only, OmittedSteps.None)) is { } found) Assert.Fail(Explain(only, found));
            return;
        }

        var count = Setting("NODEAGENT_SCHEDULES") ?? Default;
        var first = FirstSeed();
        var failures = new ConcurrentDictionary<int, string>();
        var statistics = new ScheduleStatistics();
        var (taken, done) = (-1, 0);
        var watch = Stopwatch.StartNew();
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work)).ToList();
        foreach (var thread in threads) thread.Start();
        var told = TimeSpan.Zero;
        foreach (var thread in threads)
        {
            while (!thread.Join(1000))
            {
                if (count <= Default || watch.Elapsed - told < Tell) continue;
                told = watch.Elapsed;
                Console.Error.WriteLine(Rate());
            }
        }

        Print($"seeds from {first}: {Rate()}: {statistics}");
        if (count > Default) Console.Error.WriteLine($"seeds from {first}: {Rate()}");
        if (!failures.IsEmpty)
        {
            var (seed, why) = failures.OrderBy(f => f.Key).First();
            Assert.Fail($"{failures.Count} schedules failed: NODEAGENT_SEED={string.Join(", ", failures.Keys.Order())}\n{Explain(seed, why)}");
        }

        Assert.True(
            statistics.Published > count / 2 && statistics.Deleted > count / 4 && statistics.Absolved > 0 && statistics.NamedAgain > 0 && statistics.Merged > 0, statistics.ToString());

        void Work()
        {
            var own = new ScheduleStatistics();
            for (int i; (i = Interlocked.Increment(ref taken)) < count && failures.Count < Enough;)
            {
                if (Schedule.Run(first + i, OmittedSteps.None, null, own) is { } why && failures.TryAdd(first + i, why))
                    Console.Error.WriteLine($"NODEAGENT_SEED={first + i}: {why}");
                Interlocked.Increment(ref done);
            }

            lock (statistics) statistics.Add(own);
        }

        string Rate() => string.Create(
            CultureInfo.InvariantCulture, $"{done:N0} of {count:N0} schedules in {watch.Elapsed.TotalSeconds:0} s, {done / watch.Elapsed.TotalSeconds:0} a second on {threads.Count} cores, {failures.Count} failed");
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

    internal static int FirstSeed(int? otherwise = null) => Setting("NODEAGENT_SEED") ?? otherwise ?? Random.Shared.Next(1_000_000_000);

    internal static void Print(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var given) ? given : null;

    private static string Explain(int seed, string why)
    {
        var trace = new List<string>();
        Quietly(() => Schedule.Run(seed, OmittedSteps.None, null, null, trace));
        return $"NODEAGENT_SEED={seed}: {why}\n{string.Join('\n', trace.TakeLast(300))}";
    }
}
