using System.Buffers;

namespace NodeAgent.Controller.Selection;

/// <summary>What may stand in a list of namespaces: names of namespaces, with *, ? and [abc] as wildcards.</summary>
internal static class NamespacePattern
{
    private const int MaxLength = 63;

    private static readonly SearchValues<char> Unsupported = SearchValues.Create("|()!{},");

    /// <summary>Why the pattern cannot be meant, as the end of a sentence; null when it can. The empty one means no namespace at all.</summary>
    public static string? Problem(string pattern)
    {
        if (pattern.Length == 0) return null;
        if (pattern.AsSpan().ContainsAny(Unsupported)) return "holds one of | ( ) ! { } and the comma, which neither names nor their wildcards have; use *, ? and [abc]";
        if (pattern.Contains("**", StringComparison.Ordinal)) return "has two * in a row; one stands for any number of characters";
        var plain = new char[pattern.Length];
        var isInClass = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            plain[i] = pattern[i] is '*' or '?' or '[' or ']' ? 'x' : pattern[i];
            if (pattern[i] == ']' && !isInClass) return "has a ] without its [";
            if (pattern[i] == ']' && pattern[i - 1] == '[') return "has a [] that no character is in";
            if (pattern[i] is '[' or ']') isInClass = pattern[i] == '[';
        }

        if (isInClass) return "has a [ without its ]";
        return pattern.Length <= MaxLength && !pattern.Contains('.') && ObjectName.IsValid(new string(plain)) ? null : "is no name of a namespace and no wildcard";
    }

    public static IEnumerable<string> Problems(IEnumerable<string>? includes, IEnumerable<string>? excludes)
    {
        foreach (var pattern in (includes ?? []).Concat(excludes ?? []).Distinct())
        {
            if (Problem(pattern) is { } problem) yield return $"namespaces: \"{pattern}\" {problem}";
        }
    }
}
