using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Selection;

/// <summary>The label conditions of a backup or restore: one selector, or several of which one must match.</summary>
internal sealed class LabelSelectors(LabelSelector? single, IReadOnlyList<LabelSelector>? any)
{
    private readonly LabelSelector[] _alternatives = single is not null ? [single] : [.. any ?? []];

    public bool IsEmpty => _alternatives.Length == 0;

    public bool Matches(JsonObject item)
    {
        if (IsEmpty) return true;
        var labels = item.StringMap("metadata", "labels");
        return _alternatives.Any(selector => Matches(selector, labels));
    }

    /// <summary>What is wrong with the selectors, one sentence each.</summary>
    public static IEnumerable<string> Problems(LabelSelector? single, IReadOnlyList<LabelSelector>? any)
    {
        if (single is not null && any is { Count: > 0 }) yield return "spec.labelSelector and spec.orLabelSelectors exclude each other; keep one";
        foreach (var requirement in (any ?? []).Append(single).SelectMany(s => s?.MatchExpressions ?? []))
        {
            var needsValues = requirement.Operator is "In" or "NotIn";
            if (!needsValues && requirement.Operator is not ("Exists" or "DoesNotExist"))
            {
                yield return $"label selector: operator \"{requirement.Operator}\" of key \"{requirement.Key}\" is not In, NotIn, Exists or DoesNotExist";
            }
            else if (needsValues != requirement.Values is { Count: > 0 })
            {
                yield return $"label selector: operator {requirement.Operator} of key \"{requirement.Key}\" {(needsValues ? "needs values" : "takes no values")}";
            }
        }
    }

    /// <summary>Whether a text can be the key of a label: a name of at most 63 characters, perhaps with a domain before it.</summary>
    public static bool IsKey(string text)
    {
        var slash = text.LastIndexOf('/');
        var name = text[(slash + 1)..];
        return name.Length is > 0 and <= 63 && (slash < 0 || ObjectName.IsValid(text[..slash]))
            && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
    }

    private static bool Matches(LabelSelector selector, IReadOnlyDictionary<string, string> labels)
    {
        foreach (var (key, value) in selector.MatchLabels ?? new Dictionary<string, string>())
        {
            if (!labels.TryGetValue(key, out var actual) || actual != value) return false;
        }

        return (selector.MatchExpressions ?? []).All(r => Matches(r, labels));
    }

    private static bool Matches(LabelSelectorRequirement requirement, IReadOnlyDictionary<string, string> labels)
    {
        var present = labels.TryGetValue(requirement.Key ?? "", out var value);
        return requirement.Operator switch
        {
            "In" => present && requirement.Values?.Contains(value!) == true,
            "NotIn" => !present || requirement.Values?.Contains(value!) != true,
            "Exists" => present,
            "DoesNotExist" => !present,
            _ => false,
        };
    }
}
