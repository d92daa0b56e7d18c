using System.Text.Json.Nodes;
using NodeAgent.Controller.Modifiers;

namespace NodeAgent.Controller.Tests.Modifiers;

/// <summary>Rules as a ConfigMap has them, applied to one object.</summary>
internal static class ModifierCase
{
    public static ResourceModifiers Read(string text) => ModifierReader.Read(new JsonObject { ["data"] = new JsonObject { ["rules.yaml"] = text } });

    /// <summary>The object as the rules leave it; none of them may fail.</summary>
    public static JsonObject Apply(string rules, string item, string groupResource)
    {
        var (result, problems) = Read(rules).Apply((JsonObject)JsonNode.Parse(item)!, groupResource);
        Assert.Empty(problems);
        return result;
    }

    public static string Problem(string rules, string item, string groupResource)
    {
        var given = (JsonObject)JsonNode.Parse(item)!;
        var (result, problems) = Read(rules).Apply(given, groupResource);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(item), result), "a rule that fails leaves the object as it was");
        return Assert.Single(problems);
    }

    public static void AssertJson(string expected, JsonNode actual) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), $"expected {expected}\nbut got  {actual.ToJsonString()}");

    /// <summary>One rule for everything, with the given JSON patch operations.</summary>
    public static string Patches(string operations) => "version: v1\nresourceModifierRules:\n- conditions: {groupResource: '*.*'}\n  patches:\n  " + operations.ReplaceLineEndings("\n  ");

    public static string Strategic(string patch) =>
        new JsonObject { ["version"] = "v1", ["resourceModifierRules"] = new JsonArray(new JsonObject { ["conditions"] = new JsonObject { ["groupResource"] = "**" }, ["strategicPatches"] = new JsonArray(new JsonObject { ["patchData"] = patch }) }) }.ToJsonString();
}
