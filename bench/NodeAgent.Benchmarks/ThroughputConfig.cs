using BenchmarkDotNet.Configs;

namespace NodeAgent.Benchmarks;

/// <summary>Adds the column of MB/s.</summary>
public sealed class ThroughputConfig : ManualConfig
{
    public ThroughputConfig() => AddColumn(new ThroughputColumn());
}
