using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Which paths are left out. A pattern without a slash is matched with each name, one with a slash with the path from the
/// source's root; a pattern that begins with a slash only from there. Paths are taken as Latin-1, so that bytes match bytes.
/// </summary>
internal sealed class ExcludeRules
{
    private readonly List<(Regex Expression, bool WholePath)> _rules = [];

    public ExcludeRules(IEnumerable<string> patterns)
    {
        foreach (var pattern in patterns.Where(p => p.Length > 0))
        {
            var wholePath = pattern.TrimEnd('/').Contains('/', StringComparison.Ordinal);
            var anchored = pattern.StartsWith('/');
            var text = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(pattern.Trim('/')));
            var expression = new StringBuilder(wholePath && !anchored ? "(^|/)" : "^");
            for (var i = 0; i < text.Length; i++)
            {
                if (text[i] == '*' && i + 1 < text.Length && text[i + 1] == '*')
                {
                    expression.Append(".*");
                    i++;
                }
                else
                {
                    expression.Append(text[i] switch { '*' => "[^/]*", '?' => "[^/]", var c => Regex.Escape(c.ToString()) });
                }
            }

            _rules.Add((new Regex(expression.Append('$').ToString(), RegexOptions.Singleline | RegexOptions.NonBacktracking), wholePath));
        }
    }

    public bool Matches(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name)
    {
        if (_rules.Count == 0) return false;
        var pathText = Encoding.Latin1.GetString(path);
        var nameText = Encoding.Latin1.GetString(name);
        return _rules.Exists(rule => rule.Expression.IsMatch(rule.WholePath ? pathText : nameText));
    }
}
