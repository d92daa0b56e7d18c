using System.IO.Enumeration;

namespace NodeAgent.Controller.Selection;

/// <summary>Include and exclude lists with wildcards. Exclude wins; an empty include list means all.</summary>
internal sealed class IncludesExcludes(IReadOnlyList<string>? includes, IReadOnlyList<string>? excludes)
{
    private readonly IReadOnlyList<string> _includes = includes ?? [];
    private readonly IReadOnlyList<string> _excludes = excludes ?? [];

    public IReadOnlyList<string> Includes => _includes;

    public IReadOnlyList<string> Excludes => _excludes;

    public bool IncludesEverything => _excludes.Count == 0 && (_includes.Count == 0 || _includes.Contains("*"));

    public bool ShouldInclude(string name)
    {
        if (_excludes.Any(pattern => Matches(pattern, name))) return false;
        return _includes.Count == 0 || _includes.Any(pattern => Matches(pattern, name));
    }

    public bool IsExcludedByName(string name) => _excludes.Any(pattern => Matches(pattern, name));

    public bool IsIncludedByName(string name) => _includes.Any(pattern => Matches(pattern, name));

    /// <summary>What cannot be meant, one sentence each.</summary>
    public IEnumerable<string> Problems(string what)
    {
        if (_includes.Count > 1 && _includes.Contains("*")) yield return $"{what}: \"*\" stands beside other included names; keep one or the other";
        if (_excludes.Contains("*")) yield return $"{what}: excluding \"*\" leaves nothing";
        foreach (var both in _includes.Intersect(_excludes).Where(name => name != "*"))
        {
            yield return $"{what}: \"{both}\" is both included and excluded";
        }
    }

    public static bool Matches(string pattern, string name) =>
        pattern == "*" || pattern == name || FileSystemName.MatchesSimpleExpression(pattern.Replace("\\", "", StringComparison.Ordinal), name, ignoreCase: false);
}
