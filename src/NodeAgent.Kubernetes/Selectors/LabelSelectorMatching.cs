using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes.Selectors;

/// <summary>Holds labels against selectors.</summary>
public static class LabelSelectorMatching
{
    /// <summary>True when all conditions hold; a selector without conditions matches everything.</summary>
    /// <exception cref="FormatException">A condition has an operator that there is none of, or too few or too many values.</exception>
    public static bool Matches(this LabelSelector selector, IReadOnlyDictionary<string, string> labels)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(labels);
        LabelSelectorSyntax.Validate(selector);
        return (selector.MatchLabels ?? new Dictionary<string, string>()).All(l => labels.TryGetValue(l.Key, out var value) && value == l.Value)
            && (selector.MatchExpressions ?? []).All(r => Matches(r, labels));
    }

    private static bool Matches(LabelSelectorRequirement requirement, IReadOnlyDictionary<string, string> labels)
    {
        var isPresent = labels.TryGetValue(requirement.Key!, out var value);
        return requirement.Operator switch
        {
            "In" => isPresent && requirement.Values!.Contains(value!),
            // An object without the label is not in any set either.
            "NotIn" => !isPresent || !requirement.Values!.Contains(value!),
            "Exists" => isPresent,
            _ => !isPresent,
        };
    }
}
