using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Modifiers;

/// <summary>Which objects a rule is for. All conditions must hold; namespaces are those of the backup and say nothing of objects without one.</summary>
internal sealed record ModifierConditions
{
    public required string Text { get; init; }

    public required GroupResourcePattern GroupResource { get; init; }

    public Regex? Name { get; init; }

    public IncludesExcludes Namespaces { get; init; } = new([], []);

    public LabelSelectors Labels { get; init; } = new(null, null);

    public IReadOnlyList<JsonPatchOperation> Matches { get; init; } = [];

    public bool Hold(JsonObject item, string groupResource) =>
        GroupResource.Matches(groupResource)
        && (item.Namespace().Length == 0 || Namespaces.ShouldInclude(item.Namespace()))
        && Name?.IsMatch(item.Name()) != false
        && Labels.Matches(item)
        && Matches.All(m => JsonPatch.Holds(item, m));
}
