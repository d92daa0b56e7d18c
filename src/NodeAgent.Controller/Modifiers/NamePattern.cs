using System.Text.RegularExpressions;

namespace NodeAgent.Controller.Modifiers;

/// <summary>A regular expression over the names of objects, in the syntax that Velero's have (RE2), searched for anywhere in the name.</summary>
internal static partial class NamePattern
{
    private static readonly Dictionary<string, string> Classes = new()
    {
        ["alpha"] = "a-zA-Z",
        ["digit"] = "0-9",
        ["alnum"] = "a-zA-Z0-9",
        ["lower"] = "a-z",
        ["upper"] = "A-Z",
        ["word"] = "a-zA-Z0-9_",
        ["xdigit"] = "0-9a-fA-F",
        ["space"] = "\\s",
    };

    /// <exception cref="FormatException">The expression is not valid.</exception>
    public static Regex Parse(string expression)
    {
        var text = expression.Replace("(?P<", "(?<", StringComparison.Ordinal);
        text = NamedClass().Replace(text, m => Classes.TryGetValue(m.Groups[1].Value, out var characters) ? characters : m.Value);
        try
        {
            // As RE2: in time that grows with the name alone, which also rules out what RE2 does not have.
            return new Regex(text, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"resourceNameRegex \"{expression}\" is no regular expression: {e.Message}", e);
        }
    }

    [GeneratedRegex(@"\[:([a-z]+):\]")]
    private static partial Regex NamedClass();
}
