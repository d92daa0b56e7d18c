using System.Globalization;

namespace NodeAgent.Repository.Trees;

/// <summary>A time as the kernel gives it: any 64-bit count of seconds since 1970 (also negative), and nanoseconds after that second.</summary>
/// <param name="Seconds">Seconds since 1970-01-01T00:00:00Z.</param>
/// <param name="Nanoseconds">0 to 999,999,999, counted forward from <paramref name="Seconds"/>.</param>
public readonly record struct FileTimestamp(long Seconds, uint Nanoseconds) : IComparable<FileTimestamp>
{
    private const long FirstSecond = -62135596800;
    private const long LastSecond = 253402300799;

    /// <summary>The point in time at 100 ns, or null when it lies outside the years 1 to 9999.</summary>
    public DateTimeOffset? ToDateTimeOffset() =>
        Seconds is >= FirstSecond and <= LastSecond
            ? DateTimeOffset.FromUnixTimeSeconds(Seconds).AddTicks(Nanoseconds / 100)
            : null;

    /// <summary>The timestamp of a point in time.</summary>
    public static FileTimestamp From(DateTimeOffset time)
    {
        var seconds = time.ToUnixTimeSeconds();
        var ticks = (time.ToUniversalTime() - DateTimeOffset.FromUnixTimeSeconds(seconds)).Ticks;
        return new FileTimestamp(seconds, (uint)(ticks * 100));
    }

    /// <inheritdoc/>
    public int CompareTo(FileTimestamp other)
    {
        var bySeconds = Seconds.CompareTo(other.Seconds);
        return bySeconds != 0 ? bySeconds : Nanoseconds.CompareTo(other.Nanoseconds);
    }

    /// <summary>Whether <paramref name="left"/> is earlier.</summary>
    public static bool operator <(FileTimestamp left, FileTimestamp right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> is later.</summary>
    public static bool operator >(FileTimestamp left, FileTimestamp right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> is not later.</summary>
    public static bool operator <=(FileTimestamp left, FileTimestamp right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> is not earlier.</summary>
    public static bool operator >=(FileTimestamp left, FileTimestamp right) => left.CompareTo(right) >= 0;

    /// <summary>ISO 8601 in UTC with nanoseconds; seconds since 1970 for years that it cannot express.</summary>
    public override string ToString() =>
        ToDateTimeOffset() is { } time
            ? string.Create(CultureInfo.InvariantCulture, $"{time:yyyy-MM-ddTHH:mm:ss}.{Nanoseconds:D9}Z")
            : string.Create(CultureInfo.InvariantCulture, $"@{Seconds}.{Nanoseconds:D9}");
}
