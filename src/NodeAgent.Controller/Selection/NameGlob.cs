using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Controller.Selection;

/// <summary>
/// A name that may hold wildcards: * for anything and ? for one character, [abc], [a-c] and [!a] for one of some, {a,b} for either. A backslash
/// takes the meaning from what follows it. One whose brackets do not close stands for itself.
/// </summary>
internal sealed class NameGlob
{
    private static readonly SearchValues<char> Special = SearchValues.Create("*?[]{}\\");

    private readonly string _text;
    private readonly Regex? _regex;

    public NameGlob(string text)
    {
        _text = text;
        if (text.AsSpan().ContainsAny(Special) && Translate(text) is { } pattern)
        {
            try
            {
                // In time that grows with the name alone, however many wildcards there are.
                _regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);
            }
            catch (ArgumentException)
            {
                // A range that runs backwards, which no name is in.
            }
        }
    }

    public bool Matches(string name) => name == _text || (_regex?.IsMatch(name) ?? false);

    public static bool HasWildcard(string text) => text.AsSpan().ContainsAny(Special);

    private static string? Translate(string text)
    {
        var regex = new StringBuilder("\\A");
        var braces = 0;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '*':
                    regex.Append(".*");
                    break;
                case '?':
                    regex.Append('.');
                    break;
                case '\\' when i + 1 < text.Length:
                    regex.Append(Regex.Escape(text[++i].ToString()));
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
                    if (end < i + 2) return null;
                    AppendClass(regex, text.AsSpan(i + 1, end - i - 1));
                    i = end;
                    break;
                default:
                    regex.Append(Regex.Escape(text[i].ToString()));
                    break;
            }
        }

        return braces > 0 ? null : regex.Append("\\z").ToString();
    }

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
