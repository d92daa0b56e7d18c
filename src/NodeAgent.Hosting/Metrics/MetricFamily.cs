using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace NodeAgent.Hosting.Metrics;

/// <summary>One metric with all of its series. Instruments of one name share it, whatever meter they belong to.</summary>
internal sealed class MetricFamily(string name, string help, MetricKind kind, IReadOnlyList<double> bounds, int maxSeries)
{
    private readonly ConcurrentDictionary<LabelSet, MetricSeries> _series = new();
    private int _instruments;
    private int _observables;

    public MetricKind Kind => kind;

    /// <summary>Whether all values come from callbacks, so that what they do not report any more is gone.</summary>
    public bool IsObservable => _observables > 0 && _observables == _instruments;

    public void Join(bool isObservable)
    {
        _instruments++;
        if (isObservable) _observables++;
    }

    /// <summary>False when nobody is left.</summary>
    public bool Leave(bool isObservable)
    {
        if (isObservable) _observables--;
        return --_instruments > 0;
    }

    public void Clear() => _series.Clear();

    /// <summary>Null when there are too many series already.</summary>
    public MetricSeries? Series(LabelSet labels)
    {
        if (_series.TryGetValue(labels, out var known)) return known;
        return _series.Count >= maxSeries ? null : _series.GetOrAdd(labels, static (_, bounds) => new MetricSeries(bounds), bounds);
    }

    public void Write(StringBuilder text)
    {
        if (_series.IsEmpty) return;
        if (help.Length > 0)
            text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
        text.Append("# TYPE ").Append(name).Append(kind switch { MetricKind.Counter => " counter\n", MetricKind.Gauge => " gauge\n", _ => " histogram\n" });
        // ToArray takes a consistent copy; LINQ on the dictionary itself fails when a series is added meanwhile.
        foreach (var (labels, series) in _series.ToArray().OrderBy(s => s.Key.Text, StringComparer.Ordinal))
        {
            var (value, count, buckets) = series.Read();
            if (kind != MetricKind.Histogram)
            {
                Line(text, name, labels.Text, Number(value));
                continue;
            }

            var below = 0L;
            for (var i = 0; i < buckets.Length; i++) Line(text, name + "_bucket", With(labels, Number(bounds[i])), Number(below += buckets[i]));
            Line(text, name + "_bucket", With(labels, "+Inf"), Number(count));
            Line(text, name + "_sum", labels.Text, Number(value));
            Line(text, name + "_count", labels.Text, Number(count));
        }
    }

    private static string With(LabelSet labels, string bound) => labels.Text.Length == 0 ? $"le=\"{bound}\"" : $"{labels.Text},le=\"{bound}\"";

    private static void Line(StringBuilder text, string name, string labels, string value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(value).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => double.IsNaN(value) ? "NaN" : value.ToString("R", CultureInfo.InvariantCulture),
    };
}
