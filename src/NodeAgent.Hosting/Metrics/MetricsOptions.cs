namespace NodeAgent.Hosting.Metrics;

/// <summary>What is collected, and how histograms are cut.</summary>
public sealed record MetricsOptions
{
    /// <summary>Names of meters; one that ends with a star stands for all that begin so.</summary>
    public IReadOnlyList<string> Meters { get; init; } = ["NodeAgent.*", "System.Runtime"];

    /// <summary>Upper bounds by the histogram's name. They come before what the instrument itself advises.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<double>> Buckets { get; init; } = new Dictionary<string, IReadOnlyList<double>>();

    /// <summary>For histograms that nobody has bounds for: requests, in seconds.</summary>
    public IReadOnlyList<double> DefaultBuckets { get; init; } = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>Series that one metric may have; further ones are dropped, so that a label gone wrong cannot fill the memory.</summary>
    public int MaxSeries { get; init; } = 2000;
}
