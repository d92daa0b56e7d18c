using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.Filesystem;

/// <summary>
/// Patterns of paths. One without a slash is matched with each name, one with a slash with the path from the root of the tree; a
/// pattern that begins with a slash only from there. Paths are taken as Latin-1, so that bytes match bytes; where case does not
/// count, as the UTF-8 that they mostly are.
/// </summary>
public sealed class PathPatterns
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>A depth when only paths of that many names can match: they alone have their path put together.</summary>
    private readonly List<(Regex Expression, bool WholePath, int? Depth)> _rules = [];
    private readonly bool _ignoreCase;

    /// <param name="patterns">The patterns; empty ones are nothing.</param>
    /// <param name="ignoreCase">Whether "A" is "a".</param>
    public PathPatterns(IEnumerable<string> patterns, bool ignoreCase = false)
    {
        _ignoreCase = ignoreCase;
        // Not backtracking: no pattern takes longer than the length of a path.
        var options = RegexOptions.Singleline | RegexOptions.NonBacktracking | (ignoreCase ? RegexOptions.IgnoreCase | RegexOptions.CultureInvariant : 0);
        foreach (var pattern in patterns.Where(p => p.Length > 0))
        {
            var wholePath = pattern.TrimEnd('/').Contains('/', StringComparison.Ordinal);
            var anchored = pattern.StartsWith('/');
            var trimmed = pattern.Trim('/');
            var text = ignoreCase ? trimmed : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(trimmed));
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
            _rules.Add((new Regex(expression.Append("\\z").ToString(), options), wholePath, depth));
        }
    }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _rules.Count == 0;

    /// <summary>Whether any of them looks at more than the last name of a path.</summary>
    public bool AreByPath => _rules.Exists(rule => rule.WholePath || rule.Depth is not null);

    /// <summary>Whether any pattern matches a path with slashes between its names.</summary>
    public bool Matches(ReadOnlySpan<byte> path)
    {
        if (_rules.Count == 0) return false;
        var name = ToText(path[(path.LastIndexOf((byte)'/') + 1)..]);
        string? whole = null;
        var names = 0;
        foreach (var (expression, wholePath, depth) in _rules)
        {
            if (depth is not null && depth != (names > 0 ? names : names = path.Count((byte)'/') + 1)) continue;
            if (expression.IsMatch(wholePath ? whole ??= ToText(path) : name)) return true;
        }

        return false;
    }

    internal bool Matches(TreePath path)
    {
        if (_rules.Count == 0) return false;
        var name = ToText(path.Name);
        string? whole = null;
        foreach (var (expression, wholePath, depth) in _rules)
        {
            if (depth is not null && depth != path.Depth) continue;
            if (expression.IsMatch(wholePath ? whole ??= ToText(path.ToBytes()) : name)) return true;
        }

        return false;
    }

    private string ToText(ReadOnlySpan<byte> bytes)
    {
        if (!_ignoreCase) return Encoding.Latin1.GetString(bytes);
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }
}
