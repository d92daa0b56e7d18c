using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting.Tests.Metrics;

public sealed class MetricsCollectorTests : IDisposable
{
    // Each test has a meter name of its own: meters are global to the process, and tests run side by side.
    private readonly string _name = $"Test.{Guid.NewGuid():N}";
    private readonly Meter _meter;
    private readonly MetricsCollector _collector;

    public MetricsCollectorTests()
    {
        _meter = new Meter(_name);
        _collector = Collect(new MetricsOptions());
    }

    public void Dispose()
    {
        _collector.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void Names_appear_as_they_are_with_help_and_type()
    {
        var counter = _meter.CreateCounter<long>("velero_backup_total", unit: "{backup}", description: "Backups \\ of\nall kinds");
        counter.Add(2, new KeyValuePair<string, object?>("schedule", "daily"));
        counter.Add(3, new KeyValuePair<string, object?>("schedule", "daily"));
        counter.Add(1, new KeyValuePair<string, object?>("schedule", ""));
        AssertText("""
            # HELP velero_backup_total Backups \\ of\nall kinds
            # TYPE velero_backup_total counter
            velero_backup_total{schedule=""} 1
            velero_backup_total{schedule="daily"} 5
            """);
    }

    [Fact]
    public void Each_kind_of_instrument_keeps_its_meaning()
    {
        _meter.CreateUpDownCounter<int>("a_updown").Add(5);
        _meter.CreateGauge<double>("b_gauge").Record(1.5);
        _meter.CreateObservableCounter("c_observed", () => 7L);
        _meter.CreateObservableUpDownCounter<short>("d_observed", () => -3);
        _meter.CreateObservableGauge("e_observed", () => 0.1m);
        var expected = """
            # TYPE a_updown gauge
            a_updown 5
            # TYPE b_gauge gauge
            b_gauge 1.5
            # TYPE c_observed counter
            c_observed 7
            # TYPE d_observed gauge
            d_observed -3
            # TYPE e_observed gauge
            e_observed 0.1
            """;
        AssertText(expected);
        AssertText(expected);
    }

    [Fact]
    public void A_gauge_keeps_the_last_value_and_an_up_down_counter_the_sum()
    {
        var gauge = _meter.CreateGauge<long>("gauge");
        var sum = _meter.CreateUpDownCounter<long>("sum");
        foreach (var value in new[] { 5, -2, 4 })
        {
            gauge.Record(value);
            sum.Add(value);
        }

        AssertText("# TYPE gauge gauge\ngauge 4\n# TYPE sum gauge\nsum 7");
    }

    [Fact]
    public void A_histogram_counts_cumulatively_with_the_bounds_that_the_instrument_advises()
    {
        var histogram = _meter.CreateHistogram("seconds", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2.5, 60] });
        foreach (var value in new[] { 0.5, 1, 1.1, 100, double.NaN }) histogram.Record(value, new KeyValuePair<string, object?>("le", "x"));
        AssertText("""
            # TYPE seconds histogram
            seconds_bucket{exported_le="x",le="1"} 2
            seconds_bucket{exported_le="x",le="2.5"} 3
            seconds_bucket{exported_le="x",le="60"} 3
            seconds_bucket{exported_le="x",le="+Inf"} 4
            seconds_sum{exported_le="x"} 102.6
            seconds_count{exported_le="x"} 4
            """);
    }

    [Fact]
    public void Configured_bounds_come_before_advised_ones()
    {
        using var collector = Collect(new MetricsOptions { Buckets = new Dictionary<string, IReadOnlyList<double>> { ["size"] = [20, 10, 10, double.PositiveInfinity] } });
        _meter.CreateHistogram("size", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1] }).Record(15);
        Assert.Equal("# TYPE size histogram\nsize_bucket{le=\"10\"} 0\nsize_bucket{le=\"20\"} 1\nsize_bucket{le=\"+Inf\"} 1\nsize_sum 15\nsize_count 1\n", collector.WriteText());
    }

    [Fact]
    public void Label_values_are_escaped_and_names_made_valid()
    {
        _meter.CreateCounter<long>("http.requests-1").Add(
            1, new("net.host", "a\"b\\c\nd"), new("9lives", true), new("none", null), new("number", 1.5));
        AssertText("""
            # TYPE http_requests_1 counter
            http_requests_1{_9lives="true",net_host="a\"b\\c\nd",none="",number="1.5"} 1
            """);
    }

    [Fact]
    public void The_order_of_labels_does_not_matter_and_those_of_meter_and_instrument_are_added()
    {
        using var meter = new Meter(_name, null, [new("node", "n1")]);
        var counter = meter.CreateCounter<long>("c", null, null, [new("kind", "file")]);
        counter.Add(1, new("a", 1), new("b", 2));
        counter.Add(1, new("b", 2), new("a", 1));
        AssertText("# TYPE c counter\nc{a=\"1\",b=\"2\",kind=\"file\",node=\"n1\"} 2");
    }

    [Fact]
    public void What_a_callback_no_longer_reports_is_gone()
    {
        var locations = new List<string> { "default", "second" };
        _meter.CreateObservableGauge("up", () => locations.Select(l => new Measurement<int>(1, new KeyValuePair<string, object?>("location", l))));
        AssertText("# TYPE up gauge\nup{location=\"default\"} 1\nup{location=\"second\"} 1");
        locations.Remove("default");
        AssertText("# TYPE up gauge\nup{location=\"second\"} 1");
        locations.Clear();
        AssertText("");
    }

    [Fact]
    public void A_callback_that_throws_takes_only_its_own_metric_away()
    {
        _meter.CreateObservableGauge("bad", (Func<int>)(() => throw new InvalidOperationException("on purpose")));
        _meter.CreateObservableGauge("good", () => 1);
        AssertText("# TYPE good gauge\ngood 1");
    }

    [Fact]
    public void A_label_with_too_many_values_cannot_fill_the_memory()
    {
        using var collector = Collect(new MetricsOptions { MaxSeries = 3 });
        var counter = _meter.CreateCounter<long>("c");
        for (var i = 0; i < 100; i++) counter.Add(1, new KeyValuePair<string, object?>("i", i));
        counter.Add(1, new KeyValuePair<string, object?>("i", 0));
        Assert.Equal("# TYPE c counter\nc{i=\"0\"} 2\nc{i=\"1\"} 1\nc{i=\"2\"} 1\n", collector.WriteText());
    }

    [Fact]
    public void Instruments_of_one_name_share_a_metric_and_those_of_another_kind_are_left_out()
    {
        _meter.CreateCounter<long>("c").Add(1);
        using var second = new Meter(_name);
        second.CreateCounter<int>("c").Add(2);
        second.CreateGauge<int>("c").Record(100);
        AssertText("# TYPE c counter\nc 3");
    }

    [Fact]
    public void A_metric_ends_with_its_last_meter()
    {
        using (var second = new Meter(_name))
        {
            second.CreateCounter<int>("c").Add(2);
            AssertText("# TYPE c counter\nc 2");
        }

        AssertText("");
    }

    [Fact]
    public void Meters_that_were_not_asked_for_are_left_out_and_earlier_ones_are_found()
    {
        using var early = new Meter(_name + ".Early");
        var counter = early.CreateCounter<int>("early");
        using var other = new Meter("Other." + _name);
        other.CreateCounter<int>("other").Add(1);
        using var collector = new MetricsCollector(new MetricsOptions { Meters = [_name + ".*"] }, NullLogger.Instance);
        counter.Add(1);
        Assert.Equal("# TYPE early counter\nearly 1\n", collector.WriteText());
    }

    [Fact]
    public async Task Nothing_is_lost_or_torn_when_many_count_and_one_reads()
    {
        var counter = _meter.CreateCounter<long>("c");
        var histogram = _meter.CreateHistogram("h", advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = [10] });
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("w", w % 2));
                histogram.Record(i % 20);
            }
        })).ToList();
        while (!writers.TrueForAll(w => w.IsCompleted))
        {
            var lines = _collector.WriteText().Split('\n');
            var (all, count) = (Value(lines, "h_bucket{le=\"+Inf\"}"), Value(lines, "h_count"));
            Assert.Equal(all, count);
            Assert.True(Value(lines, "h_bucket{le=\"10\"}") <= count);
        }

        await Task.WhenAll(writers);
        var text = _collector.WriteText().Split('\n');
        Assert.Equal((40_000, 40_000, 80_000, 44_000), (Value(text, "c{w=\"0\"}"), Value(text, "c{w=\"1\"}"), Value(text, "h_count"), Value(text, "h_bucket{le=\"10\"}")));

        static long Value(string[] lines, string series) =>
            Array.Find(lines, l => l.StartsWith(series + " ", StringComparison.Ordinal)) is { } line ? long.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture) : 0;
    }

    private MetricsCollector Collect(MetricsOptions options) => new(options with { Meters = [_name] }, NullLogger.Instance);

    private void AssertText(string expected) => Assert.Equal(expected.Length == 0 ? "" : expected + "\n", _collector.WriteText());
}
