using System.Globalization;

namespace NodeAgent.Cli.Text;

/// <summary>Sizes for people, in binary units with three significant digits at least: 0 B, 517 B, 1.5 KiB, 12.4 GiB.</summary>
internal static class ByteSize
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Reads a number of bytes, or of binary units: 1000, 500M, 1.5 GiB, 2TB.</summary>
    /// <returns>False when it is none, or more than a long can hold.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var digits = text.AsSpan().TrimEnd("BbIi");
        var shift = digits.IsEmpty ? 0 : char.ToUpperInvariant(digits[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        // "5i" and "5iB" name no unit, and "5KBB" none that there is.
        var suffix = text[digits.Length..].ToUpperInvariant();
        if (suffix is not ("" or "B") && !(suffix is "I" or "IB" && shift > 0)) return false;
        if (shift > 0) digits = digits[..^1];
        if (!decimal.TryParse(digits.TrimEnd(' '), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number > long.MaxValue >> shift) return false;
        bytes = (long)(number * (1L << shift));
        return true;
    }

    public static string Format(double bytes)
    {
        var unit = 0;
        // 1023.95 would print as 1024.0 of the smaller unit.
        while (bytes >= 1023.95 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return unit == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes:0} B")
            : string.Create(CultureInfo.InvariantCulture, $"{bytes:0.0} {Units[unit]}");
    }
}
