using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>A place in the YAML of a policy. What is not as expected there is told with its line.</summary>
internal readonly record struct PolicyNode(YamlNode Node, string Name)
{
    public long Line => Node.Start.Line;

    public bool IsNull => Node is YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "~" or "null" or "Null" or "NULL" };

    /// <exception cref="FormatException">The text is no YAML document.</exception>
    public static PolicyNode Parse(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new FormatException($"line {e.Start.Line}: it is no YAML: {e.InnerException?.Message ?? e.Message}", e);
        }

        if (stream.Documents is not [var document]) throw new FormatException($"it holds {stream.Documents.Count} YAML documents instead of one");
        return new PolicyNode(document.RootNode, "the policy");
    }

    /// <summary>The entries of a map by their keys, none other than those that are known. An absent value is an empty map.</summary>
    public IReadOnlyDictionary<string, PolicyNode> Map(params ReadOnlySpan<string> known)
    {
        var found = Entries();
        foreach (var (key, entry) in found)
        {
            if (!known.Contains(key)) throw entry.Wrong($"{Name} has no \"{key}\"; it knows {string.Join(", ", known.ToArray())}");
        }

        return found;
    }

    /// <summary>Whether it is a map with that key.</summary>
    public bool Has(string key) => Node is YamlMappingNode map && map.Children.Keys.Any(k => k is YamlScalarNode { Value: { } name } && name == key);

    public IReadOnlyDictionary<string, string> Texts() => Entries().ToDictionary(e => e.Key, e => e.Value.Text());

    public IReadOnlyList<PolicyNode> List()
    {
        if (IsNull) return [];
        if (Node is not YamlSequenceNode list) throw Wrong($"{Name} must be a list");
        var name = Name;
        return [.. list.Children.Select(c => new PolicyNode(c, $"an entry of {name}"))];
    }

    public IReadOnlyList<string> TextList() => [.. List().Select(e => e.Text())];

    public string Text() => IsNull ? "" : Node is YamlScalarNode { Value: { } value } ? value : throw Wrong($"{Name} must be a text");

    public FormatException Wrong(string problem) => new($"line {Line}: {problem}");

    private Dictionary<string, PolicyNode> Entries()
    {
        if (IsNull) return [];
        if (Node is not YamlMappingNode map) throw Wrong($"{Name} must be a map of keys to values");
        var found = new Dictionary<string, PolicyNode>(StringComparer.Ordinal);
        foreach (var (key, value) in map.Children)
        {
            if (key is not YamlScalarNode { Value: { } name }) throw Wrong($"a key of {Name} is no text");
            found[name] = new PolicyNode(value, name);
        }

        return found;
    }
}
