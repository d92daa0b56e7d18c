using System.Text.Json.Nodes;
using NodeAgent.Controller.Restores;

namespace NodeAgent.Controller.Modifiers;

/// <summary>Conditions and one kind of patches.</summary>
internal sealed record ModifierRule
{
    public required ModifierConditions Conditions { get; init; }

    public IReadOnlyList<JsonPatchOperation> Patches { get; init; } = [];

    public IReadOnlyList<JsonObject> MergePatches { get; init; } = [];

    public IReadOnlyList<JsonObject> StrategicPatches { get; init; } = [];

    /// <summary>The patched object. A test that does not hold leaves it as it is.</summary>
    /// <exception cref="InvalidDataException">The patch cannot be applied to this object.</exception>
    public JsonObject Apply(JsonObject item)
    {
        if (Patches.Count > 0) return JsonPatch.Apply(item, Patches) ?? item;
        var result = MergePatches.Aggregate(item, MergePatch.Apply);
        return StrategicPatches.Aggregate(result, StrategicMerge.Apply);
    }
}
