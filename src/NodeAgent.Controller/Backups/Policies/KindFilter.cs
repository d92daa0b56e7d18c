using System.Text.Json.Nodes;
using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Which objects of some types a policy takes. The label selectors stand in the place of those of the backup or restore.</summary>
internal sealed record KindFilter
{
    /// <summary>The types as the policy calls them; none in one that is for all types which the others leave.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    public required LabelSelectors Labels { get; init; }

    /// <summary>Patterns of which one must match; empty for any name.</summary>
    public IReadOnlyList<GlobPattern> Names { get; init; } = [];

    /// <summary>Patterns of which none may match.</summary>
    public IReadOnlyList<GlobPattern> ExcludedNames { get; init; } = [];

    /// <summary>Where it stands in the policy.</summary>
    public required long Line { get; init; }

    public bool IsForAllOthers => Kinds.Count == 0;

    public bool TakesName(string name) => !ExcludedNames.Any(p => p.Matches(name)) && (Names.Count == 0 || Names.Any(p => p.Matches(name)));

    public bool Takes(JsonObject item, string name) => TakesName(name) && Labels.Matches(item);
}
