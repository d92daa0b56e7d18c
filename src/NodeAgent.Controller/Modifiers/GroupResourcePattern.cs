using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Controller.Modifiers;

/// <summary>
/// Resource types by a pattern: * and ? stand for anything but a dot, ** for anything, [a-c] and {a,b} for choices. So * is all of the core group and
/// *.apps all of the group apps; *.* is everything.
/// </summary>
internal sealed class GroupResourcePattern
{
    private const string Everything = "*.*";

    private readonly Regex? _pattern;

    private GroupResourcePattern(Regex? pattern) => _pattern = pattern;

    /// <exception cref="FormatException">Brackets do not close.</exception>
    public static GroupResourcePattern Parse(string text)
    {
        if (text == Everything) return new GroupResourcePattern(null);
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
                    regex.Append("[^.]*");
                    break;
                case '?':
                    regex.Append("[^.]");
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
                    if (end < i + 2) throw new FormatException($"groupResource \"{text}\": a [ without its ]");
                    regex.Append('[').Append(text[(i + 1)..end].Replace("\\", "\\\\", StringComparison.Ordinal).Replace('!', '^')).Append(']');
                    i = end;
                    break;
                default:
                    regex.Append(Regex.Escape(text[i].ToString()));
                    break;
            }
        }

        if (braces > 0) throw new FormatException($"groupResource \"{text}\": a {{ without its }}");
        try
        {
            return new GroupResourcePattern(new Regex(regex.Append("\\z").ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking));
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"groupResource \"{text}\": {e.Message}", e);
        }
    }

    public bool Matches(string groupResource) => _pattern?.IsMatch(groupResource) ?? true;
}
