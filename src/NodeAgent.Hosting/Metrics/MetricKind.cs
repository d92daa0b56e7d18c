namespace NodeAgent.Hosting.Metrics;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}
