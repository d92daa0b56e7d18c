using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Modifiers;

/// <summary>The rules by which a restore changes objects before it creates them.</summary>
internal sealed class ResourceModifiers(IReadOnlyList<ModifierRule> rules)
{
    /// <summary>
    /// The object as the rules leave it, in their order, and what could not be applied. Conditions look at the object as it came: a rule that
    /// changes it does not make the next one apply.
    /// </summary>
    public (JsonObject Item, IReadOnlyList<string> Problems) Apply(JsonObject item, string groupResource)
    {
        var problems = new List<string>();
        var result = item;
        for (var i = 0; i < rules.Count; i++)
        {
            if (!rules[i].Conditions.Hold(item, groupResource)) continue;
            try
            {
                result = rules[i].Apply(result);
            }
            catch (InvalidDataException e)
            {
                problems.Add($"resource modifier rule {i + 1} ({rules[i].Conditions.Text}) was not applied: {e.Message}");
            }
        }

        return (result, problems);
    }
}
