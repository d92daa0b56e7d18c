using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Which paths are left out. A pattern without a slash is matched with each name, one with a slash with the path from the
/// source's root; a pattern that begins with a slash only from there. Paths are taken as Latin-1, so that bytes match bytes.
/// </summary>
internal sealed class ExcludeRules
{
    /// <summary>A depth when only paths of that many names can match: they alone have their path put together.</summary>
    private readonly List<(Regex Expression, bool WholePath, int? Depth)> _rules = [];

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

            var depth = anchored && !text.Contains("**", StringComparison.Ordinal) ? text.Count(c => c == '/') + 1 : (int?)null;
            // Not '$': that also matches before a newline at the end of a name.
            _rules.Add((new Regex(expression.Append("\\z").ToString(), RegexOptions.Singleline | RegexOptions.NonBacktracking), wholePath, depth));
        }
    }

    public bool Matches(TreePath path)
    {
        if (_rules.Count == 0) return false;
        var nameText = Encoding.Latin1.GetString(path.Name);
        string? pathText = null;
        foreach (var (expression, wholePath, depth) in _rules)
        {
            if (depth is not null && depth != path.Depth) continue;
            if (expression.IsMatch(wholePath ? pathText ??= Encoding.Latin1.GetString(path.ToBytes()) : nameText)) return true;
        }

        return false;
    }
}
