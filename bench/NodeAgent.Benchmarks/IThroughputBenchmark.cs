namespace NodeAgent.Benchmarks;

/// <summary>A benchmark whose result is a rate.</summary>
public interface IThroughputBenchmark
{
    /// <summary>How many bytes one operation takes in, once the parameters are set.</summary>
    long BytesPerOperation { get; }
}
