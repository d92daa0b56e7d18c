using System.Globalization;

namespace NodeAgent.Cli.Text;

/// <summary>Numbers of things for people: 1 file, 2,000 files.</summary>
internal static class Amount
{
    public static string Of(long count, string one, string many) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? one : many)}");
}
