using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging;

namespace NodeAgent.Hosting.Metrics;

/// <summary>
/// Listens to the meters of this process and keeps their numbers, to be read by Prometheus. Names of metrics appear exactly as
/// the instruments have them, without units or suffixes put in. Safe for concurrent use.
/// </summary>
public sealed class MetricsCollector : IDisposable
{
    /// <summary>Content type of <see cref="WriteText"/>.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MetricsOptions _options;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly Lock _reading = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private bool _isOverflowTold;

    public MetricsCollector(MetricsOptions options, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _log = log;
        _listener.InstrumentPublished = Join;
        _listener.MeasurementsCompleted = (instrument, state) => Leave(instrument, state as CollectedInstrument);
        _listener.SetMeasurementEventCallback<byte>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<short>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<int>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<long>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<float>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<double>((i, value, tags, state) => Take(value, tags, state));
        _listener.SetMeasurementEventCallback<decimal>((i, value, tags, state) => Take((double)value, tags, state));
        _listener.Start();
    }

    /// <summary>All metrics in the text format of Prometheus.</summary>
    public string WriteText()
    {
        // One reader at a time: what callbacks report is collected anew for each.
        lock (_reading)
        {
            lock (_gate)
            {
                foreach (var family in _families.Values.Where(f => f.IsObservable)) family.Clear();
            }

            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException e)
            {
                // The others were read all the same.
                foreach (var failure in e.InnerExceptions) _log.CallbackFailed(failure.Message);
            }

            var text = new StringBuilder();
            lock (_gate)
            {
                foreach (var family in _families.Values) family.Write(text);
            }

            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private static (MetricKind Kind, bool IsObservable, bool IsTotal)? Describe(Instrument instrument)
    {
        if (!instrument.GetType().IsGenericType) return null;
        var type = instrument.GetType().GetGenericTypeDefinition();
        if (type == typeof(Counter<>)) return (MetricKind.Counter, false, false);
        if (type == typeof(UpDownCounter<>)) return (MetricKind.Gauge, false, false);
        if (type == typeof(Gauge<>)) return (MetricKind.Gauge, false, true);
        if (type == typeof(Histogram<>)) return (MetricKind.Histogram, false, false);
        if (type == typeof(ObservableCounter<>)) return (MetricKind.Counter, true, true);
        return type == typeof(ObservableUpDownCounter<>) || type == typeof(ObservableGauge<>) ? (MetricKind.Gauge, true, true) : null;
    }

    private static IReadOnlyList<double>? Advice(Instrument instrument) => instrument switch
    {
        Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries,
        Histogram<float> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
        Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
        Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
        _ => null,
    };

    private void Join(Instrument instrument, MeterListener listener)
    {
        if (!_options.Meters.Any(m => m.EndsWith('*') ? instrument.Meter.Name.StartsWith(m[..^1], StringComparison.Ordinal) : instrument.Meter.Name == m)) return;
        if (Describe(instrument) is not { } description) return;
        var name = LabelSet.MetricName(instrument.Name);
        CollectedInstrument collected;
        lock (_gate)
        {
            if (!_families.TryGetValue(name, out var family))
            {
                var bounds = description.Kind == MetricKind.Histogram
                    ? _options.Buckets.GetValueOrDefault(instrument.Name) ?? Advice(instrument) ?? _options.DefaultBuckets
                    : [];
                _families[name] = family = new MetricFamily(
                    name, instrument.Description ?? "", description.Kind, [.. bounds.Where(double.IsFinite).Distinct().Order()], _options.MaxSeries);
            }

            if (family.Kind != description.Kind)
            {
                _log.KindConflict(name, instrument.Meter.Name);
                return;
            }

            family.Join(description.IsObservable);
            KeyValuePair<string, object?>[] constants = [.. instrument.Meter.Tags ?? [], .. instrument.Tags ?? []];
            collected = new CollectedInstrument(name, family, description.IsObservable, description.IsTotal, constants);
        }

        listener.EnableMeasurementEvents(instrument, collected);
    }

    private void Leave(Instrument instrument, CollectedInstrument? collected)
    {
        if (collected is null) return;
        lock (_gate)
        {
            if (!collected.Family.Leave(collected.IsObservable)) _families.Remove(collected.Name);
        }
    }

    private void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (state is not CollectedInstrument collected) return;
        if (collected.Family.Series(LabelSet.Of(tags, collected.Constants)) is not { } series)
        {
            // Told once: it would else be told at each measurement.
            if (!Interlocked.Exchange(ref _isOverflowTold, true)) _log.TooManySeries(collected.Name, _options.MaxSeries);
            return;
        }

        if (collected.Family.Kind == MetricKind.Histogram) series.Observe(value);
        else if (collected.IsTotal) series.Set(value);
        else series.Add(value);
    }
}
