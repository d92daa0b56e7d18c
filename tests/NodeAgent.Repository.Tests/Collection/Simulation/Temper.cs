namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>How the actors of a schedule behave: each schedule draws its own, so that some are full of pauses and others are close races.</summary>
internal sealed record Temper(bool Exclusive, double ShortPause, double LongPause, double Crash, double Lost, double Duplicate, int Page, double BaseSeconds, int SpreadHours)
{
    /// <summary>Where actors are held up.</summary>
    public Hold[] Holds { get; init; } = [];

    /// <summary>By how many seconds any time that the store gives may be wrong, this way or that: it has several machines.</summary>
    public double Skew { get; init; }

    /// <summary>How many collectors there are at most.</summary>
    public int Collectors { get; init; } = 3;

    /// <summary>Whether somebody rebuilds and merges the index now and then.</summary>
    public bool Rebuilds { get; init; }

    public static Temper Calm(bool exclusive) => new(exclusive, 0, 0, 0, 0, 0, 1000, 0.01, 1);

    public static Temper Draw(Random random) => new(
        random.Next(2) == 0,
        Pick(random, 0, 0.03, 0.1, 0.2),
        Pick(random, 0, 0.005, 0.02, 0.05),
        Pick(random, 0, 0, 0.002, 0.01),
        Pick(random, 0, 0, 0.01, 0.03),
        Pick(random, 0, 0, 0.02),
        random.Next(3) == 0 ? 2 : 1000,
        Pick(random, 0.05, 2, 8),
        random.Next(3) == 0 ? 150 : 1)
    {
        Holds = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Hold.Draw(random))],
        Skew = random.Next(3) == 0 ? 30 : 0,
        Rebuilds = random.Next(3) == 0,
    };

    public override string ToString() =>
        $"exclusive {Exclusive}, pauses {ShortPause} {LongPause}, crash {Crash}, lost {Lost}, duplicate {Duplicate}, page {Page}, {BaseSeconds} s, over {SpreadHours} h, skew {Skew}, rebuilds {Rebuilds}, holds {string.Join("; ", Holds.Select(h => h.ToString()))}";

    private static double Pick(Random random, params ReadOnlySpan<double> values) => values[random.Next(values.Length)];
}
