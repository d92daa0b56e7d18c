namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>How the actors of a schedule behave: each schedule draws its own, so that some are full of pauses and others are close races.</summary>
internal sealed record Temper(bool Exclusive, double ShortPause, double LongPause, double Crash, double Lost, double Duplicate, int Page, double BaseSeconds, string Freeze, double FreezeHours, int SpreadHours)
{
    // Freeze: actors tend to stop before they write or delete objects of this prefix, for up to so many hours.
    private static readonly string[] Prefixes = ["", "", "data/", "snap/", "index/", "forget/", "gc/", "sess/"];

    public static Temper Calm(bool exclusive) => new(exclusive, 0, 0, 0, 0, 0, 1000, 0.01, "", 0, 1);

    public static Temper Draw(Random random) => new(
        random.Next(2) == 0,
        Pick(random, 0, 0.03, 0.1, 0.2),
        Pick(random, 0, 0.005, 0.02, 0.05),
        Pick(random, 0, 0, 0.002, 0.01),
        Pick(random, 0, 0, 0.01, 0.03),
        Pick(random, 0, 0, 0.02),
        random.Next(3) == 0 ? 2 : 1000,
        Pick(random, 0.05, 2, 8),
        Prefixes[random.Next(Prefixes.Length)],
        Pick(random, 0.08, 1.5, 110),
        random.Next(3) == 0 ? 150 : 1);

    private static double Pick(Random random, params ReadOnlySpan<double> values) => values[random.Next(values.Length)];
}
