using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Controller.Selection;

/// <summary>
/// A pattern as Velero has them for names and types: * and ? stand for anything but the separator, ** for anything, [a-c] and [!a-c] for one
/// of some characters, {a,b} for choices, and a backslash takes the meaning of what follows it. The whole text must match.
/// </summary>
internal sealed class GlobPattern
{
    private readonly Regex _pattern;

    private GlobPattern(string text, Regex pattern) => (Text, _pattern) = (text, pattern);

    public string Text { get; }

    /// <param name="separator">What a * does not stand for; null where it stands for everything.</param>
    /// <exception cref="FormatException">The text is no pattern; the message does not repeat it.</exception>
    public static GlobPattern Parse(string text, char? separator)
    {
        var other = separator is { } s ? $"[^{Regex.Escape(s.ToString())}]" : ".";
        var regex = new StringBuilder("^");
        var braces = 0;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '*' when i + 1 < text.Length && text[i + 1] == '*':
                    regex.Append(".*");
                    i++;
                    break;
                case '*':
                    regex.Append(other).Append('*');
                    break;
                case '?':
                    regex.Append(other);
                    break;
                case '{':
                    braces++;
                    regex.Append("(?:");
                    break;
                case '}' when braces > 0:
                    braces--;
                    regex.Append(')');
                    break;
                case ',' when braces > 0:
                    regex.Append('|');
                    break;
                case '[':
                    var end = text.IndexOf(']', i);
                    if (end < i + 2) throw new FormatException(end < 0 ? "a [ without its ]" : "[] stands for no character");
                    AppendClass(regex, text.AsSpan(i + 1, end - i - 1));
                    i = end;
                    break;
                case '\\':
                    if (++i == text.Length) throw new FormatException("a \\ at its end");
                    regex.Append(Regex.Escape(text[i].ToString()));
                    break;
                default:
                    regex.Append(Regex.Escape(text[i].ToString()));
                    break;
            }
        }

        if (braces > 0) throw new FormatException("a { without its }");
        try
        {
            return new GlobPattern(text, new Regex(regex.Append("\\z").ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline));
        }
        catch (ArgumentException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    public bool Matches(string name) => _pattern.IsMatch(name);

    public override string ToString() => Text;

    private static void AppendClass(StringBuilder regex, ReadOnlySpan<char> characters)
    {
        regex.Append('[');
        if (characters.Length > 1 && characters[0] == '!')
        {
            regex.Append('^');
            characters = characters[1..];
        }

        foreach (var c in characters)
        {
            if (c is '\\' or '[' or ']' or '^') regex.Append('\\');
            regex.Append(c);
        }

        regex.Append(']');
    }
}
