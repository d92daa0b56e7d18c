using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Selectors;

/// <summary>A label selector, from its query form or from an object's matchLabels and matchExpressions.</summary>
internal sealed class LabelSelector
{
    private readonly List<(string Key, string Operator, HashSet<string> Values)> _terms = [];

    public static readonly LabelSelector Everything = new();

    public bool IsEmpty => _terms.Count == 0;

    public static LabelSelector Parse(string text)
    {
        var selector = new LabelSelector();
        foreach (var part in Split(text))
        {
            var term = part.Trim();
            if (term.Length == 0)
                continue;
            if (term.EndsWith(')'))
                selector._terms.Add(SetTerm(term, text));
            else if (term.IndexOf("!=", StringComparison.Ordinal) is var no && no > 0)
                selector._terms.Add((term[..no].Trim(), "NotIn", [term[(no + 2)..].Trim()]));
            else if (term.IndexOf('=') is var eq && eq > 0)
                selector._terms.Add((term[..eq].Trim(), "In", [term[(eq + 1)..].TrimStart('=').Trim()]));
            else if (term[0] == '!')
                selector._terms.Add((term[1..].Trim(), "DoesNotExist", []));
            else if (term.Contains(' ') || term[0] == '=')
                throw Malformed(text);
            else
                selector._terms.Add((term, "Exists", []));
        }
        return selector;
    }

    public static LabelSelector From(JsonNode? selector)
    {
        var result = new LabelSelector();
        foreach (var (key, value) in selector.FindObject("matchLabels").TextMap())
            result._terms.Add((key, "In", [value]));
        foreach (var e in selector.Items("matchExpressions"))
            result._terms.Add((e.Text("key"), e.Text("operator"), e["values"] is JsonArray values ? [.. values.Select(v => v.Text())] : []));
        return result;
    }

    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var (key, op, values) in _terms)
        {
            var has = labels.TryGetValue(key, out var value);
            var ok = op switch
            {
                "In" => has && values.Contains(value!),
                "NotIn" => !has || !values.Contains(value!),
                "Exists" => has,
                "DoesNotExist" => !has,
                _ => false,
            };
            if (!ok)
                return false;
        }
        return true;
    }

    private static (string Key, string Operator, HashSet<string> Values) SetTerm(string term, string whole)
    {
        var open = term.IndexOf('(');
        var head = open < 0 ? [] : term[..open].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (head.Length != 2 || head[1] is not ("in" or "notin"))
            throw Malformed(whole);
        var values = term[(open + 1)..^1].Split(',').Select(v => v.Trim());
        return (head[0], head[1] == "in" ? "In" : "NotIn", [.. values]);
    }

    private static IEnumerable<string> Split(string text)
    {
        var depth = 0;
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '(')
                depth++;
            else if (text[i] == ')')
                depth--;
            else if (text[i] == ',' && depth == 0)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }
        yield return text[start..];
    }

    private static ApiException Malformed(string text) => ApiException.BadRequest($"unable to parse label selector \"{text}\"");
}
