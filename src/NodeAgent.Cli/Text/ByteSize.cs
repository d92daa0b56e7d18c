using System.Globalization;

namespace NodeAgent.Cli.Text;

/// <summary>Sizes for people, in binary units with three significant digits at least: 0 B, 517 B, 1.5 KiB, 12.4 GiB.</summary>
internal static class ByteSize
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

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
