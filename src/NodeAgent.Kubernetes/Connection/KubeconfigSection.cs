using System.Text;
using NodeAgent.Kubernetes.Api;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>One mapping of a kubeconfig, which knows where it stands: errors name the file and the path within.</summary>
internal sealed class KubeconfigSection(string file, string path, YamlMappingNode node)
{
    public string File => file;

    public ClusterConfigException Bad(string name, string problem) => new($"kubeconfig {OneLine.Of(file)}: {Inside(name)}: {problem}");

    /// <summary>Null when the field is absent, null or empty.</summary>
    public string? Text(string name) => Child(name) switch
    {
        null => null,
        YamlScalarNode { Value: { Length: > 0 } value } scalar when !IsNull(scalar) => value,
        YamlScalarNode => null,
        _ => throw Bad(name, "a text is expected"),
    };

    public string Required(string name) => Text(name) ?? throw Bad(name, "it is missing");

    public bool Flag(string name) => Text(name) switch
    {
        null or "false" => false,
        "true" => true,
        _ => throw Bad(name, "true or false is expected"),
    };

    public KubeconfigSection? Section(string name) => Child(name) switch
    {
        null => null,
        YamlMappingNode mapping => new KubeconfigSection(file, Inside(name), mapping),
        YamlScalarNode scalar when IsNull(scalar) => null,
        _ => throw Bad(name, "a mapping is expected"),
    };

    public IReadOnlyList<KubeconfigSection> Sections(string name) =>
        [.. Items(name).Select((item, i) => item is YamlMappingNode mapping
            ? new KubeconfigSection(file, $"{Inside(name)}[{i}]", mapping)
            : throw Bad($"{name}[{i}]", "a mapping is expected"))];

    public IReadOnlyList<string> Texts(string name) =>
        [.. Items(name).Select((item, i) => item is YamlScalarNode scalar ? scalar.Value ?? "" : throw Bad($"{name}[{i}]", "a text is expected"))];

    /// <summary>Names of the fields.</summary>
    public IEnumerable<string> Names => node.Children.Keys.OfType<YamlScalarNode>().Select(k => k.Value ?? "");

    /// <summary>A file that the kubeconfig names, seen from where the kubeconfig is.</summary>
    public string? FilePath(string name) => Text(name) is { } given ? Path.GetFullPath(given, Path.GetDirectoryName(Path.GetFullPath(file))!) : null;

    /// <summary>Text that stands in the kubeconfig itself (name-data, base64) or else in a file (name).</summary>
    public string? Content(string name)
    {
        if (Text(name + "-data") is not { } encoded)
            return FilePath(name) is { } other ? Certificates.ReadFile(other, $"kubeconfig {OneLine.Of(file)}: {Inside(name)}") : null;
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
        }
        catch (FormatException e)
        {
            throw new ClusterConfigException($"kubeconfig {OneLine.Of(file)}: {Inside(name + "-data")}: it is not base64", e);
        }
    }

    public string Where(string name) => $"kubeconfig {OneLine.Of(file)}: {Inside(name)}";

    private static bool IsNull(YamlScalarNode scalar) => scalar.Style == ScalarStyle.Plain && scalar.Value is null or "" or "~" or "null";

    private string Inside(string name) => path.Length == 0 ? name : $"{path}.{name}";

    private YamlNode? Child(string name) => node.Children.TryGetValue(new YamlScalarNode(name), out var child) ? child : null;

    private IReadOnlyList<YamlNode> Items(string name) => Child(name) switch
    {
        null => [],
        YamlSequenceNode sequence => [.. sequence.Children],
        YamlScalarNode scalar when IsNull(scalar) => [],
        _ => throw Bad(name, "a list is expected"),
    };
}
