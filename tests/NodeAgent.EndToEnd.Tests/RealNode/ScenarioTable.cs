using System.Globalization;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Which scenarios there were, how long each took, and how it ended: on the test's output, and in the file that <c>.ci/run</c> prints.</summary>
internal static class ScenarioTable
{
    private static readonly Lock Writing = new();
    private static long _shared;

    /// <summary>Time that went into what several scenarios share, which has rows of its own.</summary>
    public static TimeSpan Shared => TimeSpan.FromTicks(Interlocked.Read(ref _shared));

    /// <summary>Does what several scenarios share.</summary>
    public static async Task ShareAsync(string step, Func<Task> act)
    {
        var began = DateTime.UtcNow;
        var result = "failed";
        try
        {
            await act();
            result = "passed";
        }
        finally
        {
            var took = DateTime.UtcNow - began;
            Interlocked.Add(ref _shared, took.Ticks);
            Add($"({step})", took, result);
        }
    }

    public static void Add(string scenario, TimeSpan took, string result)
    {
        var seconds = took.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        TestContext.Current.TestOutputHelper?.WriteLine($"{scenario}: {seconds} s, {result}");
        if (Environment.GetEnvironmentVariable("NODEAGENT_TEST_SCENARIO_TABLE") is not { Length: > 0 } path) return;
        lock (Writing) File.AppendAllText(path, $"{scenario}\t{seconds}\t{result}\n");
    }
}
