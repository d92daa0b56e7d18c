using System.Buffers;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>Label selectors: as a flag writes them (app=db,tier in (a,b),!old) and as a spec holds them.</summary>
internal static class LabelSelectors
{
    private static readonly SearchValues<char> NotInKeys = SearchValues.Create(" ()=!,");

    /// <exception cref="UsageException">The text is no selector.</exception>
    public static JsonObject Parse(string flag, string text)
    {
        var labels = new JsonObject();
        var expressions = new List<JsonNode?>();
        foreach (var requirement in SplitOutsideParentheses(text))
            AddRequirement(flag, requirement, labels, expressions);
        var selector = new JsonObject();
        if (labels.Count > 0)
            selector["matchLabels"] = labels;
        if (expressions.Count > 0)
            selector["matchExpressions"] = new JsonArray([.. expressions]);
        return selector;
    }

    /// <summary>Several selectors, any of which may match, parted by the word "or".</summary>
    public static JsonArray ParseAlternatives(string flag, string text) =>
        new([.. text.Split(" or ", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part => (JsonNode?)Parse(flag, part))]);

    public static string Format(JsonObject? selector)
    {
        if (selector is null)
            return "<none>";
        var parts = selector.Pairs("matchLabels").Select(label => $"{label.Key}={label.Value}").ToList();
        foreach (var expression in selector.Objects("matchExpressions"))
        {
            var (key, values) = (expression.Text("key"), string.Join(',', expression.Texts("values")));
            parts.Add(expression.Text("operator") switch
            {
                "In" => $"{key} in ({values})",
                "NotIn" => $"{key} notin ({values})",
                "Exists" => key,
                "DoesNotExist" => $"!{key}",
                var other => $"{key} {other} ({values})",
            });
        }

        return parts.Count == 0 ? "<none>" : string.Join(',', parts);
    }

    private static void AddRequirement(string flag, string requirement, JsonObject labels, List<JsonNode?> expressions)
    {
        if (requirement.StartsWith('!'))
        {
            expressions.Add(Expression(Key(flag, requirement, requirement[1..]), "DoesNotExist"));
            return;
        }

        if (requirement.EndsWith(')') && requirement.IndexOf('(', StringComparison.Ordinal) is var open and > 0)
        {
            var words = requirement[..open].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is [var key, "in" or "notin"])
            {
                var values = requirement[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries);
                expressions.Add(Expression(Key(flag, requirement, key), words[1] == "in" ? "In" : "NotIn", values));
                return;
            }
        }

        if (requirement.IndexOf("!=", StringComparison.Ordinal) is var unequal and > 0)
        {
            expressions.Add(Expression(Key(flag, requirement, requirement[..unequal]), "NotIn", requirement[(unequal + 2)..].Trim()));
            return;
        }

        var equal = requirement.IndexOf('=', StringComparison.Ordinal);
        if (equal > 0)
            labels[Key(flag, requirement, requirement[..equal])] = requirement[(equal + 1)..].TrimStart('=').Trim();
        else
            expressions.Add(Expression(Key(flag, requirement, requirement), "Exists"));
    }

    private static string Key(string flag, string requirement, string text)
    {
        var key = text.Trim();
        return key.Length > 0 && !key.AsSpan().ContainsAny(NotInKeys)
            ? key
            : throw new UsageException($"{flag} {requirement}: not a label selector (write it as key=value, key!=value, key in (a,b), key or !key)");
    }

    private static JsonObject Expression(string key, string @operator, params string[] values)
    {
        var expression = new JsonObject { ["key"] = key, ["operator"] = @operator };
        if (values.Length > 0)
            expression["values"] = new JsonArray([.. values.Select(value => JsonValue.Create(value))]);
        return expression;
    }

    private static IEnumerable<string> SplitOutsideParentheses(string text)
    {
        var (start, depth) = (0, 0);
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                if (text[start..i].Trim() is { Length: > 0 } part)
                    yield return part;
                start = i + 1;
            }
            else
            {
                depth += text[i] switch { '(' => 1, ')' => -1, _ => 0 };
            }
        }
    }
}
