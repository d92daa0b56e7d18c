using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes.Selectors;

/// <summary>Selectors as kubectl and the API's query have them: <c>app=db,tier in (a,b),!old</c>.</summary>
public static class LabelSelectorSyntax
{
    private const int LongestName = 63;
    private const int LongestPrefix = 253;

    /// <exception cref="FormatException">The text is no selector; the message says at which condition.</exception>
    public static LabelSelector Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        var expressions = new List<LabelSelectorRequirement>();
        if (text.AsSpan().Trim().IsEmpty) return new LabelSelector();
        foreach (var condition in Split(text))
        {
            var (requirement, equal) = ParseCondition(condition.Trim());
            // Two values for one label: no object has both, which only a list of conditions can say.
            if (equal is { } value && labels.TryAdd(requirement.Key!, value)) continue;
            expressions.Add(requirement);
        }

        return new LabelSelector { MatchLabels = labels.Count > 0 ? labels : null, MatchExpressions = expressions.Count > 0 ? expressions : null };
    }

    /// <summary>The text for a query; empty for a selector without conditions.</summary>
    /// <exception cref="FormatException">A condition is not valid.</exception>
    public static string Format(LabelSelector selector)
    {
        ArgumentNullException.ThrowIfNull(selector);
        Validate(selector);
        var equal = (selector.MatchLabels ?? new Dictionary<string, string>()).OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}");
        var others = (selector.MatchExpressions ?? []).Select(r => r.Operator switch
        {
            "In" => $"{r.Key} in ({string.Join(',', r.Values!)})",
            "NotIn" => $"{r.Key} notin ({string.Join(',', r.Values!)})",
            "Exists" => r.Key!,
            _ => $"!{r.Key}",
        });
        return string.Join(',', equal.Concat(others));
    }

    /// <summary>Checks operators, keys and values.</summary>
    /// <exception cref="FormatException">A condition is not valid.</exception>
    public static void Validate(LabelSelector selector)
    {
        ArgumentNullException.ThrowIfNull(selector);
        foreach (var (key, value) in selector.MatchLabels ?? new Dictionary<string, string>())
        {
            CheckKey(key, key);
            CheckValue(value, key);
        }

        foreach (var requirement in selector.MatchExpressions ?? [])
        {
            var key = requirement.Key ?? "";
            CheckKey(key, key);
            var needsValues = requirement.Operator is "In" or "NotIn";
            if (!needsValues && requirement.Operator is not ("Exists" or "DoesNotExist"))
                throw new FormatException($"label selector: operator \"{OneLine.Of(requirement.Operator ?? "")}\" of {key} is not In, NotIn, Exists or DoesNotExist");
            if (needsValues != requirement.Values is { Count: > 0 })
                throw new FormatException($"label selector: operator {requirement.Operator} of {key} {(needsValues ? "needs values" : "takes no values")}");
            foreach (var value in requirement.Values ?? []) CheckValue(value, key);
        }
    }

    private static IEnumerable<string> Split(string text)
    {
        var (start, depth) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '(') depth++;
            if (text[i] == ')' && --depth < 0) throw Bad(text, "a ) has no (");
            if (text[i] != ',' || depth > 0) continue;
            yield return text[start..i];
            start = i + 1;
        }

        if (depth > 0) throw Bad(text, "a ( is not closed");
        yield return text[start..];
    }

    /// <summary>The condition, and the value when it asks for just one.</summary>
    private static (LabelSelectorRequirement Requirement, string? Equal) ParseCondition(string text)
    {
        if (text.Length == 0) throw new FormatException("label selector: a condition between commas is empty");
        if (text.AsSpan().ContainsAny('<', '>')) throw Bad(text, "labels are not compared by size here (use =, !=, in, notin, a key or !key)");
        if (text[0] == '!') return (Requirement(text, text[1..].Trim(), "DoesNotExist", null), null);
        if (text[^1] == ')' && text.IndexOf('(', StringComparison.Ordinal) is var open)
        {
            return text[..open].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [var key, ("in" or "notin") and var word]
                ? (Requirement(text, key, word == "in" ? "In" : "NotIn", [.. text[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries)]), null)
                : throw Bad(text, "\"key in (a,b)\" or \"key notin (a,b)\" is expected");
        }

        var sign = text.IndexOf('=', StringComparison.Ordinal);
        if (sign < 0) return (Requirement(text, text, "Exists", null), null);
        var isUnequal = sign > 0 && text[sign - 1] == '!';
        var value = text[(sign + (!isUnequal && sign + 1 < text.Length && text[sign + 1] == '=' ? 2 : 1))..].Trim();
        var name = text[..(isUnequal ? sign - 1 : sign)].Trim();
        return (Requirement(text, name, isUnequal ? "NotIn" : "In", [value]), isUnequal ? null : value);
    }

    private static LabelSelectorRequirement Requirement(string text, string key, string op, IReadOnlyList<string>? values)
    {
        CheckKey(key, text);
        foreach (var value in values ?? []) CheckValue(value, text);
        return new LabelSelectorRequirement { Key = key, Operator = op, Values = values };
    }

    private static void CheckKey(string key, string text)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var prefix = slash < 0 ? "" : key[..slash];
        var name = key[(slash + 1)..];
        if (slash == 0 || prefix.Length > LongestPrefix || !IsName(prefix, mayBeEmpty: true) || name.Length > LongestName || !IsName(name, mayBeEmpty: false))
            throw Bad(text, $"\"{OneLine.Of(key)}\" is no label key");
    }

    private static void CheckValue(string value, string text)
    {
        if (value.Length > LongestName || !IsName(value, mayBeEmpty: true)) throw Bad(text, $"\"{OneLine.Of(value)}\" is no label value");
    }

    /// <summary>Letters and digits at both ends, and also -, _ and . between them.</summary>
    private static bool IsName(string name, bool mayBeEmpty) => name.Length == 0
        ? mayBeEmpty
        : char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1]) && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static FormatException Bad(string text, string problem) => new($"label selector \"{OneLine.Of(text)}\": {problem}");
}
