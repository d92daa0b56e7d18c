using System.Text.Json;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Velero;

public sealed class VeleroTypesTests
{
    [Theory]
    [InlineData("720h0m0s", 720 * 3600.0)]
    [InlineData("1h30m", 5400)]
    [InlineData("1.5s", 1.5)]
    [InlineData("-2m", -120)]
    [InlineData("250ms", 0.25)]
    [InlineData("0", 0)]
    [InlineData("1m0.5s", 60.5)]
    public void Durations_are_read_as_Go_reads_them(string text, double seconds)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("5")]
    [InlineData("h")]
    [InlineData("1x")]
    [InlineData("1.2.3s")]
    [InlineData("999999999999999999h")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(GoDuration.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(2592000, "720h0m0s")]
    [InlineData(61.5, "1m1.5s")]
    [InlineData(0.25, "250ms")]
    [InlineData(-90, "-1m30s")]
    public void Durations_are_written_as_Go_writes_them(double seconds, string text) =>
        Assert.Equal(text, GoDuration.Format(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_label_value_is_shortened_to_57_characters_and_6_of_the_hash()
    {
        var fits = new string('a', 63);
        Assert.Equal(fits, VeleroLabels.ToLabelValue(fits));
        // SHA-256 of 64 times "a" begins with ffe054.
        Assert.Equal(new string('a', 57) + "ffe054", VeleroLabels.ToLabelValue(new string('a', 64)));
    }

    [Fact]
    public void An_object_survives_a_round_trip_with_names_durations_and_times_as_the_API_has_them()
    {
        const string json = """{"apiVersion":"velero.io/v1","kind":"PodVolumeBackup","metadata":{"name":"x"},"spec":{"node":"n","pod":{"name":"p"}},"status":{"phase":"SomethingNew","snapshotID":"abc","startTimestamp":"2026-01-02T03:04:05Z","progress":{"totalBytes":5000000000}}}""";
        var read = JsonSerializer.Deserialize(json, VeleroJsonContext.Default.PodVolumeBackup)!;
        Assert.Equal("SomethingNew", read.Status!.Phase);
        Assert.Equal("abc", read.Status.SnapshotId);
        Assert.Equal(json, JsonSerializer.Serialize(read, VeleroJsonContext.Default.PodVolumeBackup));
    }

    [Fact]
    public void A_malformed_duration_is_named_with_its_place()
    {
        var error = Assert.Throws<JsonException>(() => JsonSerializer.Deserialize("""{"spec":{"ttl":"soon"}}""", VeleroJsonContext.Default.Backup));
        Assert.Equal("$.spec.ttl", error.Path);
        Assert.Contains("soon", error.Message, StringComparison.Ordinal);
    }
}
