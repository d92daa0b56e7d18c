namespace NodeAgent.Controller.Selection;

/// <summary>Include and exclude lists with wildcards. Exclude wins; an empty include list means all.</summary>
internal sealed class IncludesExcludes(IReadOnlyList<string>? includes, IReadOnlyList<string>? excludes)
{
    private readonly NameGlob[] _included = [.. (includes ?? []).Select(i => new NameGlob(i))];
    private readonly NameGlob[] _excluded = [.. (excludes ?? []).Select(e => new NameGlob(e))];

    public IReadOnlyList<string> Includes { get; } = includes ?? [];

    public IReadOnlyList<string> Excludes { get; } = excludes ?? [];

    public bool IncludesEverything => Excludes.Count == 0 && (Includes.Count == 0 || Includes.Contains("*"));

    public bool ShouldInclude(string name) => !IsExcludedByName(name) && (Includes.Count == 0 || IsIncludedByName(name));

    public bool IsExcludedByName(string name) => _excluded.Any(pattern => pattern.Matches(name));

    public bool IsIncludedByName(string name) => _included.Any(pattern => pattern.Matches(name));

    /// <summary>What cannot be meant, one sentence each.</summary>
    /// <param name="mayExcludeAll">Whether "*" alone may be excluded, as in the lists of one scope.</param>
    public IEnumerable<string> Problems(string what, bool mayExcludeAll = false)
    {
        if (Includes.Distinct().Count() > 1 && Includes.Contains("*")) yield return $"{what}: \"*\" stands beside other included names; keep one or the other";
        if (Excludes.Contains("*"))
        {
            if (!mayExcludeAll) yield return $"{what}: excluding \"*\" leaves nothing";
            else if (Excludes.Distinct().Count() > 1) yield return $"{what}: \"*\" stands beside other excluded names; keep one or the other";
            else if (Includes.Count > 0) yield return $"{what}: \"*\" is excluded, which leaves nothing of what is included; remove one of the lists";
        }

        foreach (var both in Includes.Intersect(Excludes).Where(name => name != "*"))
        {
            yield return $"{what}: \"{both}\" is both included and excluded";
        }
    }
}
