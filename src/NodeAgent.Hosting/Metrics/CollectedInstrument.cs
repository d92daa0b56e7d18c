namespace NodeAgent.Hosting.Metrics;

/// <summary>What a listener keeps of an instrument.</summary>
/// <param name="IsTotal">Whether a measurement is the value itself, and not a change of it.</param>
internal sealed record CollectedInstrument(
    string Name, MetricFamily Family, bool IsObservable, bool IsTotal, IReadOnlyList<KeyValuePair<string, object?>> Constants);
