using System.Globalization;
using System.Text;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Text that others wrote, made fit for one line of a message: control characters are escaped and the length is bounded.</summary>
internal static class OneLine
{
    private const int Longest = 2000;

    public static string Of(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, Longest));
        foreach (var c in text.AsSpan().Trim())
        {
            if (line.Length >= Longest) return line.Append('…').ToString();
            if (!char.IsControl(c)) line.Append(c);
            else if (c is '\n' or '\r' or '\t') line.Append(' ');
            else line.Append("\\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture));
        }

        return line.ToString();
    }
}
