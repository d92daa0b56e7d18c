using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace NodeAgent.Cli.Cluster.Connection;

/// <summary>One context of a kubeconfig file: which server, trusted how, with whose credentials.</summary>
internal sealed class KubeconfigFile
{
    private readonly string _path;
    private readonly YamlMappingNode _cluster;
    private readonly YamlMappingNode? _user;

    private KubeconfigFile(string path, YamlMappingNode cluster, YamlMappingNode? user) => (_path, _cluster, _user) = (path, cluster, user);

    public string Server => Text(_cluster, "server") ?? throw Bad(_path, "the cluster of the context has no server");

    public bool SkipsVerification => Text(_cluster, "insecure-skip-tls-verify") == "true";

    public string? Authority => Data(_cluster, "certificate-authority");

    public string? ClientCertificate => Data(_user, "client-certificate");

    public string? ClientKey => Data(_user, "client-key");

    public string? Token => Text(_user, "token") ?? (Text(_user, "tokenFile") is { } file ? File.ReadAllText(Resolve(file)).Trim() : null);

    public bool NeedsPlugin => _user is not null && _user.Children.ContainsKey(new YamlScalarNode("exec"));

    /// <exception cref="CommandException">The file is missing, is no kubeconfig, or has no such context.</exception>
    public static KubeconfigFile Load(string path, string contextName)
    {
        var root = Read(path);
        var name = contextName.Length > 0 ? contextName : Text(root, "current-context") ?? throw Bad(path, "it has no current-context (give --kubecontext)");
        var context = Named(root, "contexts", name, "context") ?? throw Bad(path, $"it has no context {name} (see: kubectl config get-contexts)");
        var cluster = Named(root, "clusters", Text(context, "cluster") ?? "", "cluster") ?? throw Bad(path, $"the cluster of context {name} is not in it");
        return new KubeconfigFile(path, cluster, Named(root, "users", Text(context, "user") ?? "", "user"));
    }

    private static YamlMappingNode Read(string path)
    {
        try
        {
            var yaml = new YamlStream();
            using var reader = File.OpenText(path);
            yaml.Load(reader);
            return yaml.Documents is [{ RootNode: YamlMappingNode root }, ..] ? root : throw Bad(path, "it is no kubeconfig");
        }
        catch (YamlException exception)
        {
            throw Bad(path, $"it is no YAML: line {exception.Start.Line}: {exception.Message}");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Bad(path, "it is not there (give --kubeconfig or set KUBECONFIG)");
        }
    }

    private static CommandException Bad(string path, string why) => new(ExitCode.Failed, $"kubeconfig {DisplayText.Name(path)}: {why}");

    private string Resolve(string file) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(_path))!, file);

    /// <summary>The content in the file itself (name-data, base64) or in another file (name).</summary>
    private string? Data(YamlMappingNode? node, string name)
    {
        if (Text(node, name + "-data") is not { } encoded)
            return Text(node, name) is { } file ? File.ReadAllText(Resolve(file)) : null;
        try
        {
            return System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
        }
        catch (FormatException)
        {
            throw Bad(_path, $"{name}-data is not base64");
        }
    }

    private static YamlMappingNode? Named(YamlMappingNode root, string list, string name, string content) =>
        root.Children.TryGetValue(new YamlScalarNode(list), out var node) && node is YamlSequenceNode entries
            ? entries.OfType<YamlMappingNode>().Where(entry => Text(entry, "name") == name)
                .Select(entry => entry.Children.TryGetValue(new YamlScalarNode(content), out var found) ? found as YamlMappingNode : null).FirstOrDefault()
            : null;

    private static string? Text(YamlMappingNode? node, string name) =>
        node is not null && node.Children.TryGetValue(new YamlScalarNode(name), out var value) && value is YamlScalarNode { Value.Length: > 0 } scalar
            ? scalar.Value
            : null;
}
