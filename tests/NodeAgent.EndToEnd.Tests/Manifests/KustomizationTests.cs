using NodeAgent.Kubernetes.Yaml;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>What <c>kubectl apply -k</c> takes.</summary>
public sealed class KustomizationTests
{
    [Theory]
    [InlineData("daemonset", "controller", "agent", "crds")]
    [InlineData("daemonset/monitoring", ".")]
    public void Every_manifest_is_applied(string kustomization, params string[] folders)
    {
        var root = Path.Combine(Checkout.Root, kustomization);
        var listed = YamlJson.Parse(File.ReadAllText(Path.Combine(root, "kustomization.yaml")))!["resources"]!.AsArray().Select(path => path!.GetValue<string>()).ToHashSet();
        var there = folders.SelectMany(folder => Directory.GetFiles(Path.Combine(root, folder), "*.yaml")).Select(file => Path.GetRelativePath(root, file)).Where(file => file != "kustomization.yaml").ToList();
        Assert.NotEmpty(there);
        Assert.Empty(there.Except(listed));
        Assert.All(listed, path => Assert.True(File.Exists(Path.Combine(root, path)), path));
    }
}
