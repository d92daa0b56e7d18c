using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Kubernetes.Yaml;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>Alerts and dashboard ask for what the programs really serve.</summary>
public sealed partial class MonitoringTests
{
    private static readonly string Folder = Path.Combine(Checkout.Root, "daemonset", "monitoring");

    [Fact]
    public void Alerts_and_dashboard_name_only_metrics_that_exist()
    {
        var known = Directory.GetFiles(Path.Combine(Checkout.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Literal().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        var expressions = Expressions().ToList();
        Assert.True(expressions.Count > 25, $"{expressions.Count} expressions were found");
        foreach (var expression in expressions)
        {
            foreach (var name in Name().Matches(expression).Select(match => match.Value))
                Assert.True(known.Contains(name) || known.Contains(Histogram().Replace(name, "")) || name == "dotnet_process_memory_working_set", $"{name} in {expression} is no metric of controller or agent");
        }
    }

    [Fact]
    public void Every_alert_says_what_to_do()
    {
        var alerts = Alerts().ToList();
        Assert.Equal(alerts.Count, alerts.Select(alert => alert["alert"]!.GetValue<string>()).Distinct().Count());
        Assert.All(alerts, alert =>
        {
            Assert.Contains(alert["labels"]!["severity"]!.GetValue<string>(), (string[])["critical", "warning"]);
            Assert.EndsWith(".", alert["annotations"]!["summary"]!.GetValue<string>(), StringComparison.Ordinal);
            Assert.NotEmpty(alert["annotations"]!["description"]!.GetValue<string>());
        });
    }

    private static IEnumerable<JsonNode> Alerts() =>
        YamlJson.Parse(File.ReadAllText(Path.Combine(Folder, "prometheusrule.yaml")))!["spec"]!["groups"]!.AsArray().SelectMany(group => group!["rules"]!.AsArray()).Select(rule => rule!);

    private static IEnumerable<string> Expressions() =>
        Alerts().Select(alert => alert["expr"]!.GetValue<string>()).Concat(
            JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "dashboard.json")))!["panels"]!.AsArray().SelectMany(panel => panel!["targets"]!.AsArray()).Select(target => target!["expr"]!.GetValue<string>()));

    [GeneratedRegex("\"((?:velero|nodeagent|podVolume)_[A-Za-z_]+)\"")]
    private static partial Regex Literal();

    [GeneratedRegex(@"\b(?:velero|nodeagent|podVolume|dotnet)_[A-Za-z_]+")]
    private static partial Regex Name();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Histogram();
}
