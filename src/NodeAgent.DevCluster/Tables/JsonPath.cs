using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Tables;

/// <summary>The JSONPath of printer columns: fields, indexes, [*] and filters of the form [?(@.a=="b")].</summary>
internal static class JsonPath
{
    public static List<JsonNode> Evaluate(JsonNode root, string path)
    {
        List<JsonNode> found = [root];
        foreach (var step in Steps(path))
            found = [.. found.SelectMany(n => Select(n, step))];
        return found;
    }

    private static IEnumerable<JsonNode> Select(JsonNode node, string step)
    {
        if (step == "*")
            return node is JsonArray all ? all.OfType<JsonNode>() : node is JsonObject map ? map.Select(p => p.Value).OfType<JsonNode>() : [];
        if (step.StartsWith("?(", StringComparison.Ordinal))
        {
            var condition = step[2..^1].Split("==", 2);
            if (condition.Length != 2 || node is not JsonArray list)
                return [];
            var field = condition[0].Trim().TrimStart('@').TrimStart('.').Split('.');
            var value = condition[1].Trim().Trim('"', '\'');
            return list.OfType<JsonNode>().Where(i => i.Find(field)?.ToString() == value);
        }
        if (node is JsonArray array)
        {
            if (!int.TryParse(step, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index))
                return [];
            index = index < 0 ? array.Count + index : index;
            return index >= 0 && index < array.Count && array[index] is { } item ? [item] : [];
        }
        return node is JsonObject obj && obj[step] is { } child ? [child] : [];
    }

    private static List<string> Steps(string path)
    {
        var steps = new List<string>();
        var current = new StringBuilder();
        for (var i = 0; i < path.Length; i++)
        {
            switch (path[i])
            {
                case '\\' when i + 1 < path.Length:
                    current.Append(path[++i]);
                    break;
                case '.':
                    Flush();
                    break;
                case '[':
                    Flush();
                    var close = path.IndexOf(']', i);
                    if (close < 0)
                        return steps;
                    steps.Add(path[(i + 1)..close].Trim('\'', '"'));
                    i = close;
                    break;
                default:
                    current.Append(path[i]);
                    break;
            }
        }
        Flush();
        return steps;

        void Flush()
        {
            if (current.Length > 0)
                steps.Add(current.ToString());
            current.Clear();
        }
    }
}
