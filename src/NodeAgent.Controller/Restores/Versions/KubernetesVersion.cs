using System.Globalization;
using System.Text.RegularExpressions;

namespace NodeAgent.Controller.Restores.Versions;

/// <summary>The order of API versions: v2 before v1, both before v2beta1, that before v3alpha1; other names last, by name.</summary>
internal sealed partial class KubernetesVersion : IComparer<string>
{
    public static readonly KubernetesVersion NewestFirst = new();

    public int Compare(string? x, string? y)
    {
        var (a, b) = (Rank(x ?? ""), Rank(y ?? ""));
        var order = (b.Stability, b.Major, b.Minor).CompareTo((a.Stability, a.Major, a.Minor));
        return order != 0 ? order : string.CompareOrdinal(x, y);
    }

    private static (int Stability, int Major, int Minor) Rank(string version)
    {
        var match = Parts().Match(version);
        if (!match.Success) return (0, 0, 0);
        var stability = match.Groups[2].Value switch { "" => 3, "beta" => 2, _ => 1 };
        return (stability, Number(match.Groups[1]), Number(match.Groups[3]));
    }

    private static int Number(Group group) => int.TryParse(group.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    [GeneratedRegex(@"^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?\z")]
    private static partial Regex Parts();
}
